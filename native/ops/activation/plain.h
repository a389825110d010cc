// One element of the operation, in type A.
#pragma once

#include <cmath>

#include "ops/activation/activation.h"

namespace cheems::testing::plain {

template <class A>
A activated(A x, Activation activation) {
  if (activation == Activation::relu) return x > 0 ? x : 0;
  if (activation == Activation::leaky_relu) return x > 0 ? x : static_cast<A>(kLeakyReluSlope) * x;
  return static_cast<A>(kSeluScale) * (x > 0 ? x : static_cast<A>(kSeluAlpha) * std::expm1(x));
}

}  // namespace cheems::testing::plain
