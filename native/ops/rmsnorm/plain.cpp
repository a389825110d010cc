// The operation in plain loops: the reference for every backend.
#include <cmath>

#include "ops/rmsnorm/rmsnorm.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// y, or y + residual where there is one, rounded once.
template <class A>
void write_normed(const RmsNormApply& a, const ConstTensor& residual) {
  for (int64_t n = 0; n < a.x.rows; ++n) {
    const A r = get<A>(a.inverse_rms, 0, n);
    for (int64_t h = 0; h < a.x.columns; ++h) {
      const A normed = get<A>(a.x, n, h) * r * (get<A>(a.weight, 0, h) + static_cast<A>(a.weight_offset));
      put<A>(a.y, n, h, residual ? normed + get<A>(residual, n, h) : normed);
    }
  }
}

template <class A>
void rmsnorm_apply(const RmsNormApply& a) {
  write_normed<A>(a, {});
}

template <class A>
void rmsnorm_forward(const RmsNormForward& a) {
  for (int64_t n = 0; n < a.x.rows; ++n) {
    A squares = 0;
    for (int64_t h = 0; h < a.x.columns; ++h) squares += get<A>(a.x, n, h) * get<A>(a.x, n, h);
    put<A>(a.inverse_rms, 0, n, 1 / std::sqrt(squares / static_cast<A>(a.x.columns) + static_cast<A>(a.epsilon)));
  }
  write_normed<A>(
      {.y = a.y, .x = a.x, .inverse_rms = a.inverse_rms, .weight = a.weight, .weight_offset = a.weight_offset},
      a.residual);
}

template <class A>
void rmsnorm_backward(const RmsNormBackward& a) {
  std::vector<A> d_weight(static_cast<size_t>(a.x.columns));
  for (int64_t n = 0; n < a.x.rows; ++n) {
    const std::vector<A> x = get_row<A>(a.x, n), dy = get_row<A>(a.dy, n);
    const A r = get<A>(a.inverse_rms, 0, n);
    const auto g = [&](size_t h) {
      return dy[h] * (get<A>(a.weight, 0, static_cast<int64_t>(h)) + static_cast<A>(a.weight_offset));
    };
    A mean = 0;
    for (size_t h = 0; h < x.size(); ++h) mean += g(h) * x[h];
    mean /= static_cast<A>(a.x.columns);
    for (size_t h = 0; h < x.size(); ++h) {
      add<A>(a.dx, n, static_cast<int64_t>(h), r * (g(h) - x[h] * r * r * mean));
      d_weight[h] += dy[h] * x[h] * r;
    }
  }
  if (!a.d_weight) return;
  for (int64_t h = 0; h < a.x.columns; ++h) add<A>(a.d_weight, 0, h, d_weight[static_cast<size_t>(h)]);
}

CHEEMS_PLAIN(rmsnorm_forward, RmsNormForward)
CHEEMS_PLAIN(rmsnorm_apply, RmsNormApply)
CHEEMS_PLAIN(rmsnorm_backward, RmsNormBackward)

}  // namespace cheems::testing::plain
