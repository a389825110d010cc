// y = f(x), element by element: the activations inside reward heads of several layers.
//   relu        max(x, 0)
//   leaky_relu  x, or 0.01 x below 0 (PyTorch's default slope)
//   selu        s x, or s a (exp(x) - 1) below 0; constants of Klambauer et al. 2017 (arXiv 1706.02515)
// Backward, from y alone: dx = dy f'. f' = 1 (selu: s) where y > 0; else 0, 0.01, or y + s a (selu). float32.
// Floor: 8*N*H bytes; a few hundred rows per micro-batch, negligible beside the layers before it.
#pragma once

#include "core/tensor.h"

namespace cheems {

enum class Activation { relu, leaky_relu, selu };

inline constexpr float kLeakyReluSlope = 0.01f;
inline constexpr double kSeluScale = 1.0507009873554804934193349852946, kSeluAlpha = 1.6732632423543772848170429916717;

struct ActivationForward {
  Tensor y;       // [N, H]; may be x itself
  ConstTensor x;  // [N, H]
  Activation activation = Activation::relu;
};

struct ActivationBackward {
  Tensor dx;       // [N, H] overwritten; may be dy itself
  ConstTensor dy;  // [N, H]
  ConstTensor y;   // [N, H]: the forward's
  Activation activation = Activation::relu;
};

}  // namespace cheems
