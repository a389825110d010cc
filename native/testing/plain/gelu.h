// ops/gelu/gelu.h in plain loops.
#pragma once

#include <cmath>
#include <numbers>

#include "ops/gelu/gelu.h"
#include "testing/plain/elements.h"

namespace cheems::testing::plain {

template <class A>
A gelu(A x) { return static_cast<A>(0.5) * x * (1 + std::erf(x / static_cast<A>(std::numbers::sqrt2))); }

template <class A>
void gelu_forward(const GeluForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t h = 0; h < a.y.columns; ++h) put<A>(a.y, n, h, gelu(get<A>(a.x, n, h)));
  }
}

}  // namespace cheems::testing::plain
