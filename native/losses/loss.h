// What a training step minimizes: a function of the rewards of a global batch and of its comparisons. A loss runs on
// the backend, micro-batch by micro-batch, and returns the gradient of the rewards; the rest of the backward pass is
// the same for all losses.
#pragma once

#include <memory>
#include <span>

#include "core/comparison.h"
#include "core/tensor.h"
#include "ops/operations.h"

namespace cheems::losses {

// A micro-batch's part of a global batch.
struct LossInput {
  double* sums;         // [2] in the backend's memory: the comparisons' part and mean(reward^2), accumulated
  Tensor d_rewards;     // [1, R] overwritten
  ConstTensor rewards;  // [1, R]
  std::span<const Comparison> comparisons;   // of indices into rewards
  int64_t total_comparisons, total_rewards;  // of the global batch; the parts are divided by them
};

class Loss {
 public:
  virtual ~Loss() = default;
  // Adds a micro-batch's part to the sums and sets the gradient of its rewards. The parts add up to the global batch's
  // loss.
  virtual void add(Operations& operations, const LossInput& input) const = 0;
  // The loss from the two sums of a global batch.
  virtual double total(double comparisons, double regularizer) const = 0;
};

// Bradley & Terry with soft targets, weights and margins, and a regularizer on the rewards; ops/ranking_loss has the
// formula. `reg_coef`: the weight of mean(reward^2); 0 or less is off.
std::unique_ptr<Loss> bradley_terry(float reg_coef);

}  // namespace cheems::losses
