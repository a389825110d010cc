// The Cheems loss over the rewards of a global batch:
//   ranking = mean over pairs of -log sigmoid(r_chosen - r_rejected);  regulariser = mean over rewards of r^2
//   loss = ranking + reg_coef * regulariser; a reg_coef of 0 or less is off (the regulariser is summed all the same)
// Stable: -log sigmoid(d) = max(-d, 0) + log(1 + exp(-|d|)). Gradient, in closed form:
//   dr_chosen -= sigmoid(-d) / pairs;  dr_rejected += sigmoid(-d) / pairs;  dr_i += 2 reg_coef r_i / count
// A micro-batch contributes its own pairs and rewards, divided by the global batch's counts. Sums in double, pairs in order.
// Source: Cheems (arXiv 2502.17173), equations 3 and 4; Bradley & Terry 1952.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems {

struct RankingLoss {
  double* sums;              // [2] in the backend's memory: ranking and regulariser, added to
  Tensor d_rewards;          // [1, R] overwritten
  ConstTensor rewards;       // [1, R]
  std::span<const int32_t> pairs;  // [2 P] chosen, rejected, chosen, …: indices into rewards
  int64_t total_pairs;       // of the global batch
  int64_t total_rewards;
  float reg_coef;
};

}  // namespace cheems
