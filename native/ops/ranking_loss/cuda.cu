// The Cheems loss and its gradient on CUDA. Contract: ops/ranking_loss/ranking_loss.h, double precision throughout.
//
// Fused: loss, regularizer and gradient in one launch. Floor: 4 bytes read and 4 written per reward, 20 read per
// comparison; it is bound by latency, not by bytes. A micro-batch has a few hundred rewards and a few hundred to ten
// thousand pairs. Layout: a block has 128 rewards, one per thread. The block walks all comparisons in tiles of 128:
// each thread computes the gradient of one and leaves it in shared memory, then scans the tile for those that its
// reward is in. So each reward sums the gradients of its pairs in order, without atomics, at R * P comparisons in all
// (3 million for 1000 rewards with 6 pairs each: some 10 us over 8 blocks). Each block computes the exponentials once;
// block 0 also adds up the losses and squares, first per thread, then over the block.
#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "ops/ranking_loss/ranking_loss.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

struct alignas(16) PairGradient {
  int32_t a, b;
  double gradient;  // with respect to r_b; that of r_a is its negative
};
struct LossShared {
  PairGradient pairs[kThreads];
  double partials[kThreads / 32];
};

struct LossArguments {
  double* sums;
  float* d_rewards;
  const float* rewards;
  const Comparison* comparisons;
  int64_t num_rewards, num_comparisons;
  double total_comparisons, total_rewards, reg_coef;
};

__global__ __launch_bounds__(kThreads) void ranking_loss_kernel(const LossArguments a) {
  auto& shared = shared_memory<LossShared>();
  const int64_t mine = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  double gradient = 0, loss = 0, squares = 0;
  for (int64_t first = 0; first < a.num_comparisons; first += kThreads) {
    const int count = static_cast<int>(a.num_comparisons - first < kThreads ? a.num_comparisons - first : kThreads);
    if (static_cast<int>(threadIdx.x) < count) {
      const Comparison& c = a.comparisons[first + threadIdx.x];
      const double weight = static_cast<double>(c.weight), other = 1 - static_cast<double>(c.target);
      const double difference =
          static_cast<double>(a.rewards[c.a]) - static_cast<double>(a.rewards[c.b]) - static_cast<double>(c.margin);
      const double decay = exp(-fabs(difference));
      double own = fmax(-difference, 0.0) + log1p(decay);
      if (other != 0) own += other * difference;  // not 0 times infinity
      loss += weight * own;
      const double wrong = (difference >= 0 ? decay : 1.0) / (1 + decay);  // sigmoid(-difference)
      shared.pairs[threadIdx.x] = {c.a, c.b, weight * (wrong - other) / a.total_comparisons};
    }
    __syncthreads();
    for (int i = 0; i < count; ++i) {
      const PairGradient pair = shared.pairs[i];
      if (pair.a == mine) gradient -= pair.gradient;
      if (pair.b == mine) gradient += pair.gradient;
    }
    __syncthreads();
  }
  if (mine < a.num_rewards) {
    if (a.reg_coef > 0) gradient += 2 * a.reg_coef * static_cast<double>(a.rewards[mine]) / a.total_rewards;
    a.d_rewards[mine] = static_cast<float>(gradient);
  }
  if (blockIdx.x != 0) return;
  for (int64_t i = threadIdx.x; i < a.num_rewards; i += kThreads) {
    const double reward = static_cast<double>(a.rewards[i]);
    squares = fma(reward, reward, squares);
  }
  loss = block_sum<kThreads>(loss, shared.partials);
  squares = block_sum<kThreads>(squares, shared.partials);
  if (threadIdx.x == 0) {
    if (a.num_comparisons > 0) a.sums[0] += loss / a.total_comparisons;
    a.sums[1] += squares / a.total_rewards;
  }
}

}  // namespace

void ranking_loss(const RankingLoss& a, Context& context) {
  const int64_t rewards = a.rewards.columns;
  if (rewards == 0) return;
  const LossArguments arguments{a.sums,
                                floats(a.d_rewards),
                                floats(a.rewards),
                                context.device(a.comparisons),
                                rewards,
                                static_cast<int64_t>(a.comparisons.size()),
                                static_cast<double>(a.total_comparisons),
                                static_cast<double>(a.total_rewards),
                                static_cast<double>(a.reg_coef)};
  launch("ranking_loss", ranking_loss_kernel, Grid{divide_up(rewards, kThreads)}, kThreads, sizeof(LossShared),
         context.stream, arguments);
}

}  // namespace cheems::cuda
