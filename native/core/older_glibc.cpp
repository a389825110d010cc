// For libraries that have the C++ library linked in and run on an older C library than it was compiled for: what it
// asks of that one. Hidden, so that nobody else finds it.

// Whether the process has one thread (glibc 2.32 and newer say so), in which counts of references need no atomic
// operations. Never.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;

// A random number of the C++ library's std::random_device (glibc 2.36), from what glibc 2.25 has.
extern "C" int getentropy(void* buffer, unsigned long length);
extern "C" __attribute__((visibility("hidden"))) unsigned arc4random() {
  unsigned number = 0;
  if (getentropy(&number, sizeof number) != 0) __builtin_trap();
  return number;
}
