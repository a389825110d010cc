// The ranking loss over the rewards of a global batch, for comparisons (a, b, target t, weight w, margin m):
//   d = r_a - r_b - m;  ranking = mean over comparisons of -w (t log sigmoid(d) + (1 - t) log sigmoid(-d))
//   regularizer = mean over rewards of r^2;  loss = ranking + reg_coef * regularizer
// With t = 1, w = 1 and m = 0 this is the Cheems loss, to the bit. The mean divides by the number of comparisons, not
// by the sum of their weights, as PyTorch's binary_cross_entropy_with_logits(d, t, weight=w) does. A reg_coef of 0 or
// less is off (the regularizer is still summed). Stable: -log sigmoid(d) = max(-d, 0) + log(1 + exp(-|d|)), and -log
// sigmoid(-d) is that plus d. Gradient, in closed form:
//   g = w (sigmoid(-d) - (1 - t)) / comparisons;  dr_a -= g;  dr_b += g;  dr_i += 2 reg_coef r_i / count
// A micro-batch contributes its own comparisons and rewards, divided by the global batch's counts. Sums in double, in
// order. Sources: Cheems (arXiv 2502.17173), equations 3 and 4; Bradley & Terry 1952; margins: Llama 2 (arXiv
// 2307.09288), equation 2; soft targets: cross entropy, as in conservative DPO (Mitchell 2023).
#pragma once

#include <span>

#include "core/comparison.h"
#include "core/tensor.h"

namespace cheems {

struct RankingLoss {
  double* sums;                             // [2] in the backend's memory: ranking and regularizer, accumulated
  Tensor d_rewards;                         // [1, R] overwritten
  ConstTensor rewards;                      // [1, R]
  std::span<const Comparison> comparisons;  // [P] of indices into rewards
  int64_t total_comparisons;                // of the global batch
  int64_t total_rewards;
  float reg_coef;
};

}  // namespace cheems
