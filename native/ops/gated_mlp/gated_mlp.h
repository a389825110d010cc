// y = act(gate) * up, element by element; gate and up are the two halves of a row of `gate_up`.
//
//   silu(g) = g sigmoid(g), silu'(g) = sigmoid(g) (1 + g (1 - sigmoid(g)))
//   gelu_tanh(g) = g/2 (1 + tanh u), u = sqrt(2/pi) (g + 0.044715 g^3);
//   its derivative is (1 + tanh u)/2 + g/2 (1 - tanh^2 u) u'
// Backward: dgate = dy * up * act'(gate), dup = dy * act(gate). y is recomputed if wanted, so that the forward need not
// keep it.
// Floor: forward 12*N*I bytes, backward 24*N*I; about 20 and 30 FLOPs per element (an exponential among them).
// Source: Shazeer 2020 (arXiv 2002.05202).
#pragma once

#include "core/tensor.h"

namespace cheems {

enum class GateActivation { silu, gelu_tanh };

struct GatedMlpForward {
  Tensor y;             // [N, I]
  ConstTensor gate_up;  // [N, 2 I]
  GateActivation activation;
};

struct GatedMlpBackward {
  Tensor d_gate_up;     // [N, 2 I] overwritten; may be gate_up's own memory
  Tensor y;             // [N, I] overwritten with the forward's y, or absent
  ConstTensor dy;       // [N, I]; may not be y's memory
  ConstTensor gate_up;  // [N, 2 I]
  GateActivation activation;
};

}  // namespace cheems
