// Memory accesses of kernels, however they are reported: by the compiler (hooks.cpp), by the functions that know their own
// accesses (vectors, ldmatrix, cp.async, atomics), as reads and writes of a thread.
#pragma once

#include <cstddef>

#include "testing/cuda_on_cpu/machine.h"

namespace cheems::cuda_on_cpu {

// `site` is an address in the kernel's code that stands for the source line, or null.
void note_read_of(Thread& thread, const void* address, std::size_t bytes, const void* site);
void note_write_of(Thread& thread, const void* address, std::size_t bytes, const void* site);
void note_atomic_of(Thread& thread, const void* address, std::size_t bytes, const void* site);

}  // namespace cheems::cuda_on_cpu
