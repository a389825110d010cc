// The operation in plain loops: the reference for every backend.
#include <cmath>
#include <numbers>

#include "ops/gated_mlp/gated_mlp.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
struct Gate {
  A value, slope;
};

template <class A>
Gate<A> activate(A g, GateActivation activation) {
  if (activation == GateActivation::silu) {
    const A sigmoid = 1 / (1 + std::exp(-g));
    return {g * sigmoid, sigmoid * (1 + g * (1 - sigmoid))};
  }
  const A root = static_cast<A>(std::sqrt(2 / std::numbers::pi)), cubic = static_cast<A>(0.044715);
  const A t = std::tanh(root * (g + cubic * g * g * g)), half = static_cast<A>(0.5);
  return {half * g * (1 + t), half * (1 + t) + half * g * (1 - t * t) * root * (1 + 3 * cubic * g * g)};
}

template <class A>
void gated_mlp_forward(const GatedMlpForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t i = 0; i < a.y.columns; ++i)
      put<A>(a.y, n, i, activate(get<A>(a.gate_up, n, i), a.activation).value * get<A>(a.gate_up, n, a.y.columns + i));
  }
}

template <class A>
void gated_mlp_backward(const GatedMlpBackward& a) {
  const int64_t columns = a.dy.columns;
  for (int64_t n = 0; n < a.dy.rows; ++n) {
    for (int64_t i = 0; i < columns; ++i) {
      const Gate<A> gate = activate(get<A>(a.gate_up, n, i), a.activation);
      const A up = get<A>(a.gate_up, n, columns + i), dy = get<A>(a.dy, n, i);
      if (a.y) put<A>(a.y, n, i, gate.value * up);
      put<A>(a.d_gate_up, n, i, dy * up * gate.slope);  // may be gate_up's memory: both have been read
      put<A>(a.d_gate_up, n, columns + i, dy * gate.value);
    }
  }
}

CHEEMS_PLAIN(gated_mlp_forward, GatedMlpForward)
CHEEMS_PLAIN(gated_mlp_backward, GatedMlpBackward)

}  // namespace cheems::testing::plain
