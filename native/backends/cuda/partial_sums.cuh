// The second half of a deterministic sum over rows: d[c] += partials[0][c] + partials[1][c] + …, in an order that
// depends only on `count`. The caller does the first half: each of its blocks sums a fixed set of rows into one row of
// partials.
//
// Floor: 4 * count * columns bytes read, 8 * columns read and written. A block takes 32 columns with 8 warps; a warp
// sums an eighth of the partials, in order, then the eighths are added in order.
#pragma once

#include "backends/cuda/context.h"
#include "backends/cuda/device.cuh"

namespace cheems::cuda {

template <int Warps>
struct PartialSumsShared {
  float sums[Warps][32];
};

template <int Warps>
__global__ void __launch_bounds__(32 * Warps)
    add_partial_sums_kernel(const float* partials, int32_t count, int32_t columns, float* d) {
  auto& shared = shared_memory<PartialSumsShared<Warps>>();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * 32 + lane;
  const int32_t part = (count + Warps - 1) / Warps, begin = warp * part, end = min(begin + part, count);
  float sum = 0;
  if (column < columns) {
#pragma unroll 8
    for (int32_t i = begin; i < end; ++i) sum += partials[static_cast<int64_t>(i) * columns + column];
  }
  shared.sums[warp][lane] = sum;
  __syncthreads();
  if (warp != 0 || column >= columns) return;
  float total = 0;
#pragma unroll
  for (int i = 0; i < Warps; ++i) total += shared.sums[i][lane];
  d[column] += total;
}

inline void add_partial_sums(const char* name, const float* partials, int64_t count, int64_t columns, float* d,
                             Context& context) {
  constexpr int kWarps = 8;
  launch(name, add_partial_sums_kernel<kWarps>, Grid{divide_up(columns, 32)}, 32 * kWarps,
         sizeof(PartialSumsShared<kWarps>), context.stream, partials, static_cast<int32_t>(count),
         static_cast<int32_t>(columns), d);
}

}  // namespace cheems::cuda
