// For libraries that link the C++ library statically and run on an older C library than they were compiled for: the
// functions that the C++ library needs from it. Hidden, so that no other library binds to them.

// Whether the process has only one thread (glibc 2.32 and newer know), so that reference counts need no atomic
// operations. Here always false.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;  // NOLINT(bugprone-reserved-identifier)
char __libc_single_threaded = 0;                                               // NOLINT(bugprone-reserved-identifier)

// A random number for the C++ library's std::random_device (glibc 2.36), made with what glibc 2.25 has.
extern "C" int getentropy(void* buffer, unsigned long length);
extern "C" __attribute__((visibility("hidden"))) unsigned arc4random() {
  unsigned number = 0;
  if (getentropy(&number, sizeof number) != 0) __builtin_trap();
  return number;
}
