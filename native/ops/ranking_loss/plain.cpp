// The operation in plain loops: the reference for every backend. In double, whatever Accumulate is: the contract says
// so.
#include <cmath>

#include "ops/ranking_loss/ranking_loss.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class>
void ranking_loss(const RankingLoss& a) {
  const auto total = static_cast<double>(a.total_comparisons), count = static_cast<double>(a.total_rewards);
  std::vector<double> d(static_cast<size_t>(a.rewards.columns));
  for (int64_t i = 0; i < a.rewards.columns; ++i) {
    const double r = get<double>(a.rewards, 0, i);
    a.sums[1] += r * r / count;
    if (a.reg_coef > 0) d[static_cast<size_t>(i)] = 2 * static_cast<double>(a.reg_coef) * r / count;
  }
  for (const Comparison& c : a.comparisons) {
    const double difference =
        get<double>(a.rewards, 0, c.a) - get<double>(a.rewards, 0, c.b) - static_cast<double>(c.margin);
    const double other = 1 - static_cast<double>(c.target), weight = c.weight;
    const double loss = std::max(-difference, 0.0) + std::log1p(std::exp(-std::abs(difference)));
    a.sums[0] += weight * (other == 0 ? loss : loss + other * difference) / total;
    const double wrong = 1 / (1 + std::exp(difference));  // sigmoid(-difference); exp may be infinite, and then it is 0
    const double gradient = weight * (wrong - other) / total;
    d[static_cast<size_t>(c.a)] -= gradient;
    d[static_cast<size_t>(c.b)] += gradient;
  }
  for (int64_t i = 0; i < a.rewards.columns; ++i) put<double>(a.d_rewards, 0, i, d[static_cast<size_t>(i)]);
}

CHEEMS_PLAIN(ranking_loss, RankingLoss)

}  // namespace cheems::testing::plain
