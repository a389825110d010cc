// The operation in plain loops: the reference for every backend.
#include "ops/linear/linear.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void linear_forward(const LinearForward& a) {
  const std::vector<A> weight = get_all<A>(a.weight);
  const auto in = static_cast<size_t>(a.x.columns);
  for (int64_t n = 0; n < a.y.rows; ++n) {
    const std::vector<A> x = get_row<A>(a.x, n);
    for (int64_t o = 0; o < a.y.columns; ++o) {
      A sum = a.residual ? get<A>(a.residual, n, o) : A{0};
      if (a.bias) sum += get<A>(a.bias, 0, o);
      for (size_t i = 0; i < in; ++i) sum += x[i] * weight[static_cast<size_t>(o) * in + i];
      put<A>(a.y, n, o, sum);
    }
  }
}

template <class A>
void linear_backward_input(const LinearBackwardInput& a) {
  const std::vector<A> weight = get_all<A>(a.weight);
  const auto in = static_cast<size_t>(a.dx.columns);
  for (int64_t n = 0; n < a.dx.rows; ++n) {
    const std::vector<A> dy = get_row<A>(a.dy, n);
    for (size_t i = 0; i < in; ++i) {
      A sum = a.accumulate ? get<A>(a.dx, n, static_cast<int64_t>(i)) : A{0};
      for (size_t o = 0; o < dy.size(); ++o) sum += dy[o] * weight[o * in + i];
      put<A>(a.dx, n, static_cast<int64_t>(i), sum);
    }
  }
}

// One rounding per entry: the sum over all rows is complete before it is stored.
template <class A>
void linear_backward_weight(const LinearBackwardWeight& a) {
  const std::vector<A> dy = get_all<A>(a.dy), x = get_all<A>(a.x);
  const auto in = static_cast<size_t>(a.x.columns), out = static_cast<size_t>(a.dy.columns),
             rows = static_cast<size_t>(a.dy.rows);
  for (size_t o = 0; o < out; ++o) {
    for (size_t i = 0; a.d_weight && i < in; ++i) {
      A sum = get<A>(a.d_weight, static_cast<int64_t>(o), static_cast<int64_t>(i));
      for (size_t n = 0; n < rows; ++n) sum += dy[n * out + o] * x[n * in + i];
      put<A>(a.d_weight, static_cast<int64_t>(o), static_cast<int64_t>(i), sum);
    }
    if (!a.d_bias) continue;
    A sum = get<A>(a.d_bias, 0, static_cast<int64_t>(o));
    for (size_t n = 0; n < rows; ++n) sum += dy[n * out + o];
    put<A>(a.d_bias, 0, static_cast<int64_t>(o), sum);
  }
}

CHEEMS_PLAIN(linear_forward, LinearForward)
CHEEMS_PLAIN(linear_backward_input, LinearBackwardInput)
CHEEMS_PLAIN(linear_backward_weight, LinearBackwardWeight)

}  // namespace cheems::testing::plain
