// AdamW with decoupled weight decay over a flat range of parameters, with clipping by the global norm:
//   g = gradient * clip, clip = min(1, max_grad_norm / (sqrt(squares) + 1e-6)) (PyTorch's clip_grad_norm_)
//   p *= 1 - lr * weight_decay
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
//   gradient = 0 for the next step
// If the squares are not finite, only the gradient changes: it is zeroed. The caller reads the squares and reports it,
// later than the device needs to know.
//
// Two forms:
//   float32 state   Moments and gradient are float32. The parameter is float32, or a rounded copy of a float32
//                   `master`. The copy is rounded to bfloat16 (to nearest even) and stored in bfloat16 or in float32.
//                   Stored in float32, it serves a model that trains with the numbers that it will be saved with.
//   bfloat16 state  Parameter, gradient and moments are bfloat16, computed in float32 and rounded stochastically, so
//                   that updates below half a unit in the last place are kept on average. The random bits are a
//                   function of (seed, step, index) alone (ops/adamw/stochastic_rounding.h).
// Floor: 16 bytes read and 16 written per parameter in float32 (20 written with a master), 8 and 8 in bfloat16.
// Source: Loshchilov & Hutter 2019 (arXiv 1711.05101), as torch.optim.AdamW computes it.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct AdamWUpdate {
  Tensor parameter;  // [rows, columns] contiguous, like those below
  Tensor master =
      {};           // float32: a bfloat16 parameter with float32 moments has one, a float32 parameter may; else absent
  Tensor gradient;  // zeroed
  Tensor first_moment, second_moment;  // float32, or bfloat16 with a bfloat16 parameter
  // One byte per row, or null. 0: the row has never had a gradient (its moments are zero), so only the weight decay
  // touches it. Exact: with g = m = v = 0 the update is 0. In the backend's memory.
  const uint8_t* row_seen = nullptr;
  const double* squares = nullptr;  // the squared global norm, in the backend's memory; null: no clipping, no check
  double max_grad_norm = 0;         // 0: no clipping
  int64_t step = 1;
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  uint64_t seed = 0;  // of the stochastic rounding; ranges of one model have different seeds
};

}  // namespace cheems
