// AdamW with decoupled weight decay, float32 state, over a flat range of parameters:
//   g = gradient * clip;  p *= 1 - lr * weight_decay;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon);  gradient = 0 for the next step
// Floor: 16 bytes read and 16 written per parameter.
// Source: Loshchilov & Hutter 2019 (arXiv 1711.05101), as torch.optim.AdamW computes it.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct AdamWUpdate {
  Tensor parameter;      // [rows, columns] float32, contiguous, like the three below
  Tensor gradient;       // zeroed
  Tensor first_moment, second_moment;
  // One byte a row, or null: 0 says that the row has never had a gradient (its moments are zero), so that only the
  // decay touches it. Exact: with g = m = v = 0 the update is 0.
  const uint8_t* row_seen = nullptr;
  double clip = 1;       // factor on the gradient
  int64_t step = 1;
  double learning_rate, beta1, beta2, epsilon, weight_decay;
};

}  // namespace cheems
