// y = x / rms(x) * (weight + weight_offset) [+ residual], row by row, with rms(x) = sqrt(mean_h(x_h^2) + epsilon).
// The residual is for norms at the end of a branch (Gemma 2): its gradient is dy itself.
//
// Backward, with r = 1 / rms(x) and g = dy * (weight + weight_offset):
//   dx      += r * (g - x * r^2 * mean_h(g * x))   accumulated into the residual stream's gradient
//   dweight += sum over rows of dy * x * r         accumulated, in an order that does not depend on the threads
// Floor, 4 bytes per element: forward 8*N*H + 4*N bytes, backward 16*N*H + 4*N; about 4 and 9 FLOPs per element.
// Source: Zhang & Sennrich 2019 (arXiv 1910.07467); the (1 + weight) form is Gemma's.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct RmsNormForward {
  Tensor y;            // [N, H]; float32 before the reward head, whatever x is
  Tensor inverse_rms;  // [1, N]: r, kept for backward
  ConstTensor x;       // [N, H]
  ConstTensor weight;  // [1, H]
  float epsilon;
  float weight_offset = 0;    // 1 for Gemma
  ConstTensor residual = {};  // [N, H], or absent; may be y itself
};

struct RmsNormBackward {
  Tensor dx;                // [N, H] accumulated
  Tensor d_weight;          // [1, H] accumulated, or absent
  ConstTensor dy;           // [N, H]; as y
  ConstTensor x;            // [N, H]
  ConstTensor inverse_rms;  // [1, N]
  ConstTensor weight;       // [1, H]
  float weight_offset = 0;
};

// y recomputed from the kept r, for gradient checkpointing and the backward pass. Same bits as the forward's y.
struct RmsNormApply {
  Tensor y;
  ConstTensor x;
  ConstTensor inverse_rms;
  ConstTensor weight;
  float weight_offset = 0;
};

}  // namespace cheems
