#include "ops/ranking_loss/ranking_loss.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void ranking_loss_bench(Bench& bench, const Case& c) {
  const int64_t r = c.tree->rewards();
  const Tensor rewards = bench.vector(r), d_rewards = bench.vector(r);
  auto* sums = static_cast<double*>(bench.zeros(2 * sizeof(double)));
  std::vector<Comparison> pairs;
  for (int32_t i = 0; i + 1 < r; i += 2) pairs.push_back({.a = i, .b = i + 1});
  bench.add("ranking_loss", std::to_string(pairs.size()) + " pairs", 8 * static_cast<double>(r), 0, [&] {
    bench.ops().ranking_loss({.sums = sums,
                              .d_rewards = d_rewards,
                              .rewards = rewards,
                              .comparisons = pairs,
                              .total_comparisons = static_cast<int64_t>(pairs.size()),
                              .total_rewards = r,
                              .reg_coef = 0.1f});
  });
  bench.release();
}

const Registered ranking_loss_registered(ranking_loss_bench);

}  // namespace
}  // namespace cheems::bench
