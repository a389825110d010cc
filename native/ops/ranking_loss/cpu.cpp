#include <cmath>

#include "backends/cpu/kernels.h"
#include "ops/ranking_loss/ranking_loss.h"

namespace cheems::cpu {

// A few hundred numbers: one thread, double precision throughout.
void ranking_loss(const RankingLoss& a, Context&) {
  const float* rewards = floats(a.rewards);
  float* d = floats(a.d_rewards);
  const double pairs = static_cast<double>(a.total_pairs), count = static_cast<double>(a.total_rewards);
  for (int64_t i = 0; i < a.rewards.columns; ++i) {
    const double r = rewards[i];
    a.sums[1] += r * r / count;
    d[i] = a.reg_coef > 0 ? static_cast<float>(2 * a.reg_coef * r / count) : 0.0f;
  }
  for (size_t p = 0; p + 1 < a.pairs.size(); p += 2) {
    const auto chosen = a.pairs[p], rejected = a.pairs[p + 1];
    const double difference = static_cast<double>(rewards[chosen]) - rewards[rejected];
    const double decay = std::exp(-std::abs(difference));
    a.sums[0] += (std::fmax(-difference, 0.0) + std::log1p(decay)) / pairs;
    const double wrong = difference >= 0 ? decay / (1 + decay) : 1 / (1 + decay);  // sigmoid(-difference)
    d[chosen] -= static_cast<float>(wrong / pairs);
    d[rejected] += static_cast<float>(wrong / pairs);
  }
}

}  // namespace cheems::cpu
