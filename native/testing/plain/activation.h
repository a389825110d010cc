// ops/activation/activation.h in plain loops.
#pragma once

#include <cmath>

#include "ops/activation/activation.h"
#include "testing/plain/elements.h"

namespace cheems::testing::plain {

template <class A>
A activated(A x, Activation activation) {
  if (activation == Activation::relu) return x > 0 ? x : 0;
  if (activation == Activation::leaky_relu) return x > 0 ? x : static_cast<A>(kLeakyReluSlope) * x;
  return static_cast<A>(kSeluScale) * (x > 0 ? x : static_cast<A>(kSeluAlpha) * std::expm1(x));
}

template <class A>
void activation_forward(const ActivationForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t h = 0; h < a.y.columns; ++h) put<A>(a.y, n, h, activated(get<A>(a.x, n, h), a.activation));
  }
}

}  // namespace cheems::testing::plain
