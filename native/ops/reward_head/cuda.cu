// The reward head on CUDA. Contract: ops/reward_head/reward_head.h. x, dx and the rest are float32, whatever the
// activations are.
//
// All sums are in double and rounded once: the CPU's accuracy, which costs nothing for R * H numbers. Floor: 4 U H
// bytes and 2 R H FLOPs forward; backward 8 U H bytes (x read, dx written) and 4 R H FLOPs. These are a few megabytes
// at most, so loads stay scalar and coalesced, and one order of summation serves every alignment. Layout:
//   forward   one block per reward; thread t takes columns t, t + 256, …; a tree over the block.
//   dx        one block per row u of x. The block first sums dreward_r over the r with index_r = u (thread t: r = t,
//             t + 256, …), then scales the weight by it. Every block reads the R indices: 8 R bytes from the L2 cache.
//   d_weight  a block has 32 columns and 8 slices of the rewards: thread (slice, column) sums r = slice, slice + 8, …,
//             and slice 0 adds the 8 sums in order. No atomics; the order depends on R alone.
#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "ops/reward_head/reward_head.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kColumns = 32, kSlices = kThreads / kColumns;

struct SumShared {
  double partials[kThreads / 32];
};
struct WeightShared {
  double sums[kSlices][kColumns];
};

__global__ __launch_bounds__(kThreads) void head_forward_kernel(float* rewards, const float* x, int64_t x_stride,
                                                                const float* weight, const int32_t* index,
                                                                int64_t columns) {
  auto& shared = shared_memory<SumShared>();
  const float* row = x + index[blockIdx.x] * x_stride;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < columns; i += kThreads)
    sum = fma(static_cast<double>(row[i]), static_cast<double>(weight[i]), sum);
  sum = block_sum<kThreads>(sum, shared.partials);
  if (threadIdx.x == 0) rewards[blockIdx.x] = static_cast<float>(sum);
}

__global__ __launch_bounds__(kThreads) void head_backward_input_kernel(float* dx, int64_t dx_stride,
                                                                       const float* d_rewards, const float* weight,
                                                                       const int32_t* index, int64_t rewards,
                                                                       int64_t columns) {
  auto& shared = shared_memory<SumShared>();
  double d = 0;
  for (int64_t r = threadIdx.x; r < rewards; r += kThreads) {
    if (index[r] == static_cast<int32_t>(blockIdx.x)) d += static_cast<double>(d_rewards[r]);
  }
  d = block_sum<kThreads>(d, shared.partials);
  float* row = dx + blockIdx.x * dx_stride;
  for (int64_t i = threadIdx.x; i < columns; i += kThreads)
    row[i] = static_cast<float>(d * static_cast<double>(weight[i]));
}

__global__ __launch_bounds__(kThreads) void head_backward_weight_kernel(float* d_weight, const float* d_rewards,
                                                                        const float* x, int64_t x_stride,
                                                                        const int32_t* index, int64_t rewards,
                                                                        int64_t columns) {
  auto& shared = shared_memory<WeightShared>();
  const int lane = threadIdx.x % kColumns, slice = threadIdx.x / kColumns;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kColumns + lane;
  double sum = 0;
  if (column < columns) {
    for (int64_t r = slice; r < rewards; r += kSlices)
      sum = fma(static_cast<double>(d_rewards[r]), static_cast<double>(x[index[r] * x_stride + column]), sum);
  }
  shared.sums[slice][lane] = sum;
  __syncthreads();
  if (slice != 0 || column >= columns) return;
  for (int other = 1; other < kSlices; ++other) sum += shared.sums[other][lane];
  d_weight[column] += static_cast<float>(sum);
}

}  // namespace

void reward_head_forward(const RewardHeadForward& a, Context& context) {
  if (a.index.empty()) return;
  launch("reward_head_forward", head_forward_kernel, Grid{static_cast<int64_t>(a.index.size())}, kThreads,
         sizeof(SumShared), context.stream, floats(a.rewards), floats(a.x), a.x.stride, floats(a.weight),
         context.device(a.index), a.x.columns);
}

void reward_head_backward(const RewardHeadBackward& a, Context& context) {
  const auto rewards = static_cast<int64_t>(a.index.size());
  const int32_t* index = context.device(a.index);
  if (a.dx.rows > 0) {
    launch("reward_head_backward_input", head_backward_input_kernel, Grid{a.dx.rows}, kThreads, sizeof(SumShared),
           context.stream, floats(a.dx), a.dx.stride, floats(a.d_rewards), floats(a.weight), index, rewards,
           a.dx.columns);
  }
  if (rewards > 0 && a.d_weight) {
    launch("reward_head_backward_weight", head_backward_weight_kernel, Grid{divide_up(a.x.columns, kColumns)}, kThreads,
           sizeof(WeightShared), context.stream, floats(a.d_weight), floats(a.d_rewards), floats(a.x), a.x.stride,
           index, rewards, a.x.columns);
  }
}

}  // namespace cheems::cuda
