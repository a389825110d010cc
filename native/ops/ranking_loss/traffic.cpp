#include "ops/ranking_loss/ranking_loss.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_loss(Report& report, const PackedTree& tree) {
  const int64_t r = tree.rewards();
  std::vector<Comparison> pairs;
  for (int32_t i = 0; i < r; ++i) {
    for (const int32_t far : {1, 3}) pairs.push_back({.a = i, .b = static_cast<int32_t>((i + far) % r)});
  }
  const auto count = static_cast<double>(pairs.size());
  Device& d = report.device;
  report.measure("ranking_loss", "float32, sums in double",
                 std::to_string(r) + " rewards, " + std::to_string(pairs.size()) + " pairs",
                 {8.0 * static_cast<double>(r) + sizeof(Comparison) * count, 0}, [&] {
                   Operations& ops = d.operations(tree, {.widest_row = 64});
                   const RankingLoss a{.sums = static_cast<double*>(d.raw(16)),
                                       .d_rewards = d.vector(r),
                                       .rewards = d.vector(r),
                                       .comparisons = pairs,
                                       .total_comparisons = static_cast<int64_t>(count),
                                       .total_rewards = r,
                                       .reg_coef = 0.1f};
                   return [&ops, a] { ops.ranking_loss(a); };
                 });
}

void ranking_loss_traffic(Report& report, const Trees& trees) { count_loss(report, trees.wide); }

const Registered ranking_loss_registered(ranking_loss_traffic);

}  // namespace
}  // namespace cheems::traffic
