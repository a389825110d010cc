// Rotary position embedding of the heads of a matrix [N, heads * head_size], each head optionally normalized first
// (Qwen3's q_norm and k_norm: RMSNorm over the head with a weight of head_size numbers).
//
// "Half split", u = normalized head, halves a and b, angle t_i = position * inverse_frequency_i:
//   y = [a cos t - b sin t, b cos t + a sin t]
// Backward: the rotation back, du = [da cos t + db sin t, db cos t - da sin t], then RMSNorm's (rmsnorm.h) if there is
// a norm. Floor: 8*N*heads*head_size bytes each way; about 3 FLOPs per element, 8 with the norm. Source: Su et al. 2021
// (arXiv 2104.09864) in Hugging Face's layout.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems {

struct RopeForward {
  Tensor y;  // [N, heads * head_size]; may be x itself without a norm
  ConstTensor x;
  int64_t head_size;
  std::span<const int32_t> positions;  // [N]
  ConstTensor cosine, sine;            // [positions, head_size / 2] tables
  ConstTensor norm_weight;             // [1, head_size], or absent
  float epsilon = 0;
  float weight_offset = 0;
};

struct RopeBackward {
  Tensor dx;             // overwritten; may be dy itself
  Tensor d_norm_weight;  // [1, head_size] accumulated, or absent (no norm, or its weight is frozen)
  ConstTensor dy;
  ConstTensor x;  // the forward's x; needed only with a norm
  int64_t head_size;
  std::span<const int32_t> positions;
  ConstTensor cosine, sine;
  ConstTensor norm_weight;
  float epsilon = 0;
  float weight_offset = 0;
};

}  // namespace cheems
