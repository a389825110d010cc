// The sum of squares of a gradient on CUDA. Contract: ops/grad_norm/grad_norm.h.
//
// Floor: 4 bytes per float32 parameter or 2 per bfloat16 one, and 2 FLOPs; rows without a gradient are not read.
// Layout: two launches. The numbers are cut into runs: the rows if rows are marked, else 2048 numbers. Warp w of the
// grid takes the runs w, w + warps, …; its lanes take 16 bytes at a time, with two loads in flight. Each lane squares
// and adds four vectors in float32 and keeps those sums in double (a conversion per number would cost more than the
// memory on cards with few double units). At most 1024 blocks leave one partial sum each; one block adds those up and
// adds the total to *sum. Every order is fixed by the sizes and the alignment.
#include <algorithm>

#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/grad_norm/grad_norm.h"
#include "ops/grad_norm/cuda_blocks.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int64_t kRun = 2048;

struct SumShared {
  double partials[kThreads / 32];
};

template <class T, int Width>
__device__ __forceinline__ float squares_of(const T* x) {
  float values[Width], sum = 0;
  load_floats<Width>(x, values);
#pragma unroll
  for (int c = 0; c < Width; ++c) sum = fmaf(values[c], values[c], sum);
  return sum;
}

// This lane's share of x[0, count).
template <class T, int Width>
__device__ __forceinline__ double squares_of_run(const T* x, int64_t count, int lane) {
  constexpr int kUnroll = 4, kStep = 32 * Width;
  double total = 0;
  int64_t i = lane * Width;
  for (; i + (kUnroll - 1) * kStep + Width <= count; i += kUnroll * kStep) {
    float sums[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) sums[u] = squares_of<T, Width>(x + i + u * kStep);
    total += static_cast<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  for (; i + Width <= count; i += kStep) total += static_cast<double>(squares_of<T, Width>(x + i));
  // The numbers after the last whole vector, one per lane.
  const int64_t rest = count - count % Width + lane;
  if (Width > 1 && rest < count) total += static_cast<double>(squares_of<T, 1>(x + rest));
  return total;
}

template <class T, int Width>
__global__ __launch_bounds__(kThreads, 4) void squares_kernel(double* partials, const T* x, int64_t total, int64_t run,
                                                              const uint8_t* row_seen) {
  auto& shared = shared_memory<SumShared>();
  const int lane = threadIdx.x % 32;
  const int64_t runs = (total + run - 1) / run;
  double sum = 0;
  for (int64_t r = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; r < runs;
       r += static_cast<int64_t>(gridDim.x) * kWarps) {
    if (row_seen && row_seen[r] == 0) continue;
    const int64_t begin = r * run, left = total - begin;
    sum += squares_of_run<T, Width>(x + begin, left < run ? left : run, lane);
  }
  sum = block_sum<kThreads>(sum, shared.partials);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ __launch_bounds__(kThreads) void add_partials_kernel(double* sum, const double* partials, int count) {
  auto& shared = shared_memory<SumShared>();
  double total = 0;
  for (int i = threadIdx.x; i < count; i += kThreads) total += partials[i];
  total = block_sum<kThreads>(total, shared.partials);
  if (threadIdx.x == 0) *sum += total;
}

template <class T>
void launch_squares(const SumOfSquares& a, Context& context) {
  const int64_t total = a.x.rows * a.x.columns, run = a.row_seen ? a.x.columns : kRun;
  const int64_t blocks = std::min(kSquaresBlocks, divide_up(divide_up(total, run), kWarps));
  auto* partials = reinterpret_cast<double*>(
      require_workspace(context, blocks * static_cast<int64_t>(sizeof(double)), "sum_of_squares"));
  // Runs must begin at whole vectors; the last one may end anywhere.
  const bool vectors = reinterpret_cast<uintptr_t>(a.x.data) % 16 == 0 && run % kVectorWidth<T> == 0;
  launch("sum_of_squares", vectors ? squares_kernel<T, kVectorWidth<T>> : squares_kernel<T, 1>, Grid{blocks}, kThreads,
         sizeof(SumShared), context.stream, partials, static_cast<const T*>(a.x.data), total, run, a.row_seen);
  launch("sum_of_squares_partials", add_partials_kernel, Grid{}, kThreads, sizeof(SumShared), context.stream, a.sum,
         static_cast<const double*>(partials), static_cast<int>(blocks));
}

}  // namespace

void sum_of_squares(const SumOfSquares& a, Context& context) {
  if (a.x.rows == 0 || a.x.columns == 0) return;
  with_element_type(a.x.dtype, "sum_of_squares: x", [&]<class T>() { launch_squares<T>(a, context); });
}

}  // namespace cheems::cuda
