// For libraries that have the C++ library linked in and run on an older C library than it was compiled for: what it asks of that one.
// Hidden, so that nobody else finds it.

// Whether the process has one thread (glibc 2.32 and newer say so), in which counts of references need no atomic operations. Never.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;
