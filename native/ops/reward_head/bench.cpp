#include "ops/reward_head/reward_head.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// On the reward rows alone: a few rows, where a launch's own time is most of it.
void reward_head_bench(Bench& bench, const Case& c) {
  const PackedTree& tree = *c.tree;
  const int64_t h = c.hidden_size, u = static_cast<int64_t>(tree.reward_rows.size()), r = tree.rewards();
  const auto elements = static_cast<double>(u * h);
  const Tensor normed = bench.tensor(u, h, DType::float32), dx = bench.tensor(u, h, DType::float32),
               weight = bench.vector(h), d_weight = bench.vector(h), rewards = bench.vector(r),
               d_rewards = bench.vector(r);
  bench.add("reward_head_forward", shape_of({u, h}), 4 * elements, 0, [&] {
    bench.ops().reward_head_forward({.rewards = rewards, .x = normed, .weight = weight, .index = tree.reward_index});
  });
  bench.add("reward_head_backward", shape_of({u, h}), 8 * elements, 0, [&] {
    bench.ops().reward_head_backward({.dx = dx,
                                      .d_weight = d_weight,
                                      .d_rewards = d_rewards,
                                      .x = normed,
                                      .weight = weight,
                                      .index = tree.reward_index});
  });
  bench.release();
}

const Registered reward_head_registered(reward_head_bench);

}  // namespace
}  // namespace cheems::bench
