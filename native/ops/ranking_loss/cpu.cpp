#include <cmath>

#include "backends/cpu/kernels.h"
#include "ops/ranking_loss/ranking_loss.h"

namespace cheems::cpu {

// A few hundred numbers: one thread, double precision throughout.
void ranking_loss(const RankingLoss& a, Context&) {
  const float* rewards = floats(a.rewards);
  float* d = floats(a.d_rewards);
  const double total = static_cast<double>(a.total_comparisons), count = static_cast<double>(a.total_rewards);
  for (int64_t i = 0; i < a.rewards.columns; ++i) {
    const double r = rewards[i];
    a.sums[1] += r * r / count;
    d[i] = a.reg_coef > 0 ? static_cast<float>(2 * a.reg_coef * r / count) : 0.0f;
  }
  for (const Comparison& c : a.comparisons) {
    const double weight = c.weight, other = 1 - static_cast<double>(c.target);
    const double difference = static_cast<double>(rewards[c.a]) - rewards[c.b] - c.margin;
    const double decay = std::exp(-std::abs(difference));
    double loss = std::fmax(-difference, 0.0) + std::log1p(decay);
    if (other != 0) loss += other * difference;  // not 0 times infinity
    a.sums[0] += weight * loss / total;
    const double wrong = difference >= 0 ? decay / (1 + decay) : 1 / (1 + decay);  // sigmoid(-difference)
    const auto gradient = static_cast<float>(weight * (wrong - other) / total);
    d[c.a] -= gradient;
    d[c.b] += gradient;
  }
}

}  // namespace cheems::cpu
