// The operation in plain loops: the reference for every backend.
#include "ops/activation/activation.h"
#include "ops/activation/plain.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void activation_forward(const ActivationForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t h = 0; h < a.y.columns; ++h) put<A>(a.y, n, h, activated(get<A>(a.x, n, h), a.activation));
  }
}

template <class A>
void activation_backward(const ActivationBackward& a) {
  for (int64_t n = 0; n < a.dx.rows; ++n) {
    for (int64_t h = 0; h < a.dx.columns; ++h)
      put<A>(a.dx, n, h, get<A>(a.dy, n, h) * activation_slope(get<A>(a.y, n, h), a.activation));
  }
}

CHEEMS_PLAIN(activation_forward, ActivationForward)
CHEEMS_PLAIN(activation_backward, ActivationBackward)

}  // namespace cheems::testing::plain
