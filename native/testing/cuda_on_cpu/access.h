// Memory accesses of kernels, reported by the compiler (hooks.cpp) or by functions that know their own accesses
// (vectors, ldmatrix, cp.async, atomics). Each is classified by its address and checked:
//
//   shared memory   bounds, initialization, races within the block, cp.async under way: shared_checks.cpp
//   device memory   bounds, freed memory, races between blocks: global_checks.cpp
//   the own stack, the parameters, constants of the program: fine
//   anything else   an illegal access
//
// `site` is a return address in the kernel's code; it identifies a source line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "testing/cuda_on_cpu/machine.h"

namespace cheems::cuda_on_cpu {

enum class Access : std::uint8_t { read, write, atomic };

struct AccessEvent {
  std::uintptr_t address;
  std::size_t bytes;
  Access kind;
  const void* site;
};

// Checks any access except those to the thread's own stack, which callers filter out.
void check_access(Thread& thread, const AccessEvent& event);

void check_shared_access(Thread& thread, const AccessEvent& event);
void check_global_access(Thread& thread, const AccessEvent& event);

// A cp.async: its source is read when it is issued and its target written when it is waited for; no thread may access
// the target in between.
void begin_async_copy(Thread& thread, const AsyncCopy& copy);
void end_async_copy(Thread& thread, const AsyncCopy& copy);

// Ordering within the block, for shared memory.
void shared_checks_begin_launch(Machine& machine);
void shared_checks_begin_block(Machine& machine);
void shared_checks_barrier();
void shared_checks_warp_synchronized(Machine& machine, int warp, std::uint32_t mask);

void global_checks_begin_launch(Machine& machine);
void global_checks_begin_block();
void global_checks_fence();

// Whether the kernels' ordinary accesses are reported at all. In a build with AddressSanitizer they are not; then only
// accesses that report themselves are checked, and only for bounds.
extern bool accesses_reported;

// "reads 4 bytes", and " at rmsnorm/cuda.cu:57" if the line can be found.
std::string access_name(const AccessEvent& event);
std::string site_name(const void* site);

}  // namespace cheems::cuda_on_cpu
