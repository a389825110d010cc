// What kernels are written in: the vocabulary shared by every native/ops/*/cuda.cu. One kernel source is compiled
// twice: by nvcc for a GPU, and by g++ for the execution model in native/testing/cuda_on_cpu, which runs it on the CPU
// and checks it. So a kernel uses ordinary CUDA C++ (threadIdx, __syncthreads, __shfl_*_sync, ...) and, for everything
// that has no portable spelling, the functions below. No inline assembly, no <<<>>> and no __shared__ outside this
// folder.
//
// One layer below this file differs by compiler: the instructions themselves and the launch.
//
//   shared_memory<Layout>()                     all the shared memory of the block, laid out as one struct
//   cp_async_16 / _commit / _wait<Pending>      asynchronous copies from global to shared memory
//   ldmatrix_x4 / x2 / ..._transposed           8x8 bfloat16 matrices from shared memory into mma fragments
//   mma_m16n8k16                                d += a * b on the tensor cores, bfloat16 with float32 accumulation
//   fast_exp, fast_exp2, fast_tanh              the hardware's approximations
//                                               (relative error about 2^-22, 2^-22, 2^-11)
//   load_vector, store_vector                   one 4-, 8- or 16-byte access
//   launch("name", kernel, Grid{...}, threads, shared_bytes, stream, arguments...)
//
// Fragments of m16n8k16, with g = lane / 4 and q = 2 * (lane % 4): a[i] holds row g + 8 * (i % 2), columns q + 8 * (i /
// 2) and the next; b[i] holds k = q + 8 * i and the next, column g; d[0], d[1] are row g, columns q and q + 1, and
// d[2], d[3] are eight rows below. In ldmatrix lane 8 * m + r gives the address of row r of matrix m (16 bytes,
// aligned), and register m receives row g, columns q and q + 1 of matrix m, or of its transpose.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backends/cuda/errors.h"
#include "core/error.h"

namespace cheems::cuda {

using bfloat16 = __nv_bfloat16;

// The extent of a launch in blocks. If an extent is zero, launch() returns at once.
struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

constexpr int kWarpThreads = 32;
constexpr uint32_t kWholeWarp = 0xffffffffu;

// A pack of values that moves in one access.
template <class T, int N>
struct alignas(N * sizeof(T)) Vector {
  static_assert(N * sizeof(T) == 4 || N * sizeof(T) == 8 || N * sizeof(T) == 16,
                "a vector access is of 4, 8 or 16 bytes");
  T values[N];
};

// How many values of T one 16-byte access moves.
template <class T>
inline constexpr int kVectorWidth = 16 / static_cast<int>(sizeof(T));

__host__ __device__ constexpr int64_t divide_up(int64_t dividend, int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

}  // namespace cheems::cuda

#ifdef CHEEMS_CUDA_ON_CPU
#include "testing/cuda_on_cpu/instructions_emulated.cuh"
#else
#include "backends/cuda/instructions_ptx.cuh"
#endif

namespace cheems::cuda {

__host__ __device__ __forceinline__ float to_float(float value) { return value; }
__host__ __device__ __forceinline__ float to_float(bfloat16 value) { return __bfloat162float(value); }

// Rounds to the nearest, ties to even.
template <class T>
__host__ __device__ __forceinline__ T from_float(float value);
template <>
__host__ __device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__host__ __device__ __forceinline__ bfloat16 from_float<bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// Two values in the layout of ldmatrix and mma fragments: `low` in the lower half.
__host__ __device__ __forceinline__ uint32_t pack_bfloat16(float low, float high) {
  const bfloat16 pair[2] = {__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
  uint32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return bits;
}

// Butterfly sums: every lane receives the same bits, in a fixed order of additions. All 32 lanes must call.
template <class T>
__device__ __forceinline__ T warp_sum_of(T value) {
#pragma unroll
  for (int offset = kWarpThreads / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kWholeWarp, value, offset);
  return value;
}
__device__ __forceinline__ float warp_sum(float value) { return warp_sum_of(value); }
__device__ __forceinline__ double warp_sum(double value) { return warp_sum_of(value); }

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int offset = kWarpThreads / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(kWholeWarp, value, offset));
  return value;
}

// The sum over the Threads threads of a one-dimensional block; every thread receives it. `partials` is in shared memory
// and can be reused when the call returns. All threads of the block must call (it has two barriers).
template <int Threads, class T>
__device__ __forceinline__ T block_sum_of(T value, T (&partials)[Threads / kWarpThreads]) {
  static_assert(Threads % kWarpThreads == 0, "a block sum is over whole warps");
  const T sum = warp_sum_of(value);
  if constexpr (Threads == kWarpThreads) return sum;
  if (threadIdx.x % kWarpThreads == 0) partials[threadIdx.x / kWarpThreads] = sum;
  __syncthreads();
  T total = partials[0];
#pragma unroll
  for (int warp = 1; warp < Threads / kWarpThreads; ++warp) total += partials[warp];
  __syncthreads();
  return total;
}
template <int Threads>
__device__ __forceinline__ float block_sum(float value, float (&partials)[Threads / kWarpThreads]) {
  return block_sum_of<Threads>(value, partials);
}
template <int Threads>
__device__ __forceinline__ double block_sum(double value, double (&partials)[Threads / kWarpThreads]) {
  return block_sum_of<Threads>(value, partials);
}

}  // namespace cheems::cuda
