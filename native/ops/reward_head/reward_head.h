// reward_r = x[index_r] . weight, float32, summed in double. Equal samples share one row of x.
//
// Backward: dx_u = weight * sum of dreward_r over the r with index_r = u (overwritten);
//           dweight += sum_r dreward_r * x[index_r], rewards in order.
// Floor: 4*U*H bytes, 2*R*H FLOPs; negligible beside the body. What matters here is exactness.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems {

struct RewardHeadForward {
  Tensor rewards;                  // [1, R]
  ConstTensor x;                   // [U, H] after the final norm
  ConstTensor weight;              // [1, H]
  std::span<const int32_t> index;  // [R]
};

struct RewardHeadBackward {
  Tensor dx;              // [U, H] overwritten, or absent
  Tensor d_weight;        // [1, H] accumulated, or absent
  ConstTensor d_rewards;  // [1, R]
  ConstTensor x;
  ConstTensor weight;
  std::span<const int32_t> index;
};

}  // namespace cheems
