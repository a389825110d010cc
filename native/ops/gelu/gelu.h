// y = x * Phi(x) = x / 2 * (1 + erf(x / sqrt 2)), element by element: the exact form, not the tanh one.
//
// Forward only. The bias of the layer before is that layer's epilogue (ops/linear).
// Floor, e bytes per element: 2*e*N*H bytes, about 30 FLOPs per element. Source: Hendrycks & Gimpel 2016 (arXiv
// 1606.08415).
#pragma once

#include "core/tensor.h"

namespace cheems {

struct GeluForward {
  Tensor y;       // [N, H]; may be x itself
  ConstTensor x;  // [N, H] of y's dtype
};

}  // namespace cheems
