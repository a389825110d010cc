// One element of the operation, in type A.
#pragma once

#include <cmath>
#include <numbers>

namespace cheems::testing::plain {

template <class A>
A gelu(A x) {
  return static_cast<A>(0.5) * x * (1 + std::erf(x / static_cast<A>(std::numbers::sqrt2)));
}

}  // namespace cheems::testing::plain
