#include "ops/reward_head/reward_head.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_reward_head(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t h = m.hidden, r = tree.rewards(), u = static_cast<int64_t>(tree.reward_rows.size());
  const double width = static_cast<double>(h), picked = static_cast<double>(u * h);
  Device& d = report.device;
  const WorkspaceRequest request{.widest_row = h};
  report.measure(
      "reward_head_forward", "float32", size_text(u, h), {4 * picked, 2 * static_cast<double>(r) * width}, [&] {
        Operations& ops = d.operations(tree, request);
        const RewardHeadForward a{
            .rewards = d.vector(r), .x = d.matrix(kFloat, u, h), .weight = d.vector(h), .index = tree.reward_index};
        return [&ops, a] { ops.reward_head_forward(a); };
      });
  report.measure("reward_head_backward", "float32", size_text(u, h), {8 * picked, 4 * static_cast<double>(r) * width},
                 [&] {
                   Operations& ops = d.operations(tree, request);
                   const RewardHeadBackward a{.dx = d.matrix(kFloat, u, h),
                                              .d_weight = d.vector(h),
                                              .d_rewards = d.vector(r),
                                              .x = d.matrix(kFloat, u, h),
                                              .weight = d.vector(h),
                                              .index = tree.reward_index};
                   return [&ops, a] { ops.reward_head_backward(a); };
                 });
}

void reward_head_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_reward_head(report, trees.wide, m);
}

const Registered reward_head_registered(reward_head_traffic);

}  // namespace
}  // namespace cheems::traffic
