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

// The derivative, by the activation's result.
template <class A>
A activation_slope(A y, Activation activation) {
  if (activation == Activation::selu)
    return y > 0 ? static_cast<A>(kSeluScale) : y + static_cast<A>(kSeluScale * kSeluAlpha);
  return y > 0 ? A{1} : activation == Activation::relu ? A{0} : static_cast<A>(kLeakyReluSlope);
}

}  // namespace cheems::testing::plain
