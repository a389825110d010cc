// What kernels call in the execution model: the interface between code compiled as a kernel and the model itself.
// Kernels use it through device_builtins.h and instructions_emulated.cuh.
//
// Calls that can be wrong have the caller's source line as an argument, so that the model can report where threads
// wait.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vector_types.h"

typedef struct CUstream_st* cudaStream_t;

namespace cheems::cuda_on_cpu {

struct Place {
  const char* file;
  int line;
};

// The coordinates of the calling thread. They never change within a thread, hence const.
[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] dim3 block_extent();
[[gnu::const]] dim3 grid_extent();
[[gnu::const]] int lane_index();
[[gnu::const]] unsigned char* shared_memory_start();

void block_barrier(Place place);
void memory_fence();

// Operations of a whole warp. `in`, `out` and `argument` by kind:
//   synchronize           none
//   shuffle               in: the lane's eight bytes; out: eight bytes of the lane `argument`
//   ballot                argument: the lane's vote; out: the uint32_t of all votes in the mask
//   load_matrices         in: the address of a row of eight 16-bit values; out: uint32_t[matrices];
//                         argument: the matrices (2 or 4), negative for their transposes
//   multiply_accumulate   in: MmaOperands; out: float d[4]
enum class Collective : std::uint8_t { synchronize, shuffle, ballot, load_matrices, multiply_accumulate };

struct MmaOperands {
  const std::uint32_t* a;
  const std::uint32_t* b;
};

// Waits for all lanes of `mask`, which must make the same call. The pointers may be to the lane's own stack.
void warp_collective(Collective kind, std::uint32_t mask, const void* in, void* out, int argument, Place place);

void async_copy_16(void* shared, const void* global, bool valid, const void* site);
void async_commit();
void async_wait(int pending_groups);

// Reports an access of `bytes` bytes that the compiler cannot report. `site` is the return address that identifies its
// source line.
void note_read(const void* address, std::size_t bytes, const void* site);
void note_write(const void* address, std::size_t bytes, const void* site);

enum class AtomicOperation : std::uint8_t { add, exchange, minimum, maximum, bit_and, bit_or, compare_and_swap };
std::uint32_t atomic_32(AtomicOperation operation, std::uint32_t* address, std::uint32_t operand, std::uint32_t compare,
                        bool is_signed, const void* site);
std::uint64_t atomic_64(AtomicOperation operation, std::uint64_t* address, std::uint64_t operand, std::uint64_t compare,
                        const void* site);

// Runs every thread of the grid to its end. `call` runs the kernel once with the arguments at `arguments`. Throws
// cheems::Error for a launch that CUDA would refuse and for every fault the model detects; the model is usable
// afterwards. If streams are deferred, faults are errors of the call that waits; if errors are sticky, of the next
// call.
struct Launch {
  const char* name;
  const void* kernel;
  std::int64_t grid_x, grid_y, grid_z;
  int threads;
  std::int64_t shared_bytes;
  cudaStream_t stream;
  // Copied if the launch is deferred; plain bytes, like kernel parameters.
  void (*call)(void* arguments);
  void* arguments;
  std::size_t arguments_bytes;
  int device = -1;  // set by launch()
};
void launch(const Launch& launch);

}  // namespace cheems::cuda_on_cpu
