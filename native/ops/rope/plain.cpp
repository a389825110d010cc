// The operation in plain loops: the reference for every backend.
#include <cmath>

#include "ops/rope/rope.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// Columns [begin, begin + head_size) of row n.
template <class A>
std::vector<A> get_head(const ConstTensor& t, int64_t n, int64_t begin, int64_t head_size) {
  std::vector<A> values;
  for (int64_t i = 0; i < head_size; ++i) values.push_back(get<A>(t, n, begin + i));
  return values;
}

template <class A>
A inverse_rms(const std::vector<A>& x, A epsilon) {
  A squares = 0;
  for (const A value : x) squares += value * value;
  return 1 / std::sqrt(squares / static_cast<A>(x.size()) + epsilon);
}

template <class A>
void rope_forward(const RopeForward& a) {
  const int64_t half = a.head_size / 2;
  for (int64_t n = 0; n < a.x.rows; ++n) {
    const int64_t position = a.positions[static_cast<size_t>(n)];
    for (int64_t head = 0; head < a.x.columns; head += a.head_size) {
      std::vector<A> u = get_head<A>(a.x, n, head, a.head_size);
      if (a.norm_weight) {
        const A r = inverse_rms(u, static_cast<A>(a.epsilon));
        for (int64_t i = 0; i < a.head_size; ++i)
          u[static_cast<size_t>(i)] *= r * (get<A>(a.norm_weight, 0, i) + static_cast<A>(a.weight_offset));
      }
      for (int64_t i = 0; i < half; ++i) {
        const A cosine = get<A>(a.cosine, position, i), sine = get<A>(a.sine, position, i);
        const A first = u[static_cast<size_t>(i)], second = u[static_cast<size_t>(half + i)];
        put<A>(a.y, n, head + i, first * cosine - second * sine);
        put<A>(a.y, n, head + half + i, second * cosine + first * sine);
      }
    }
  }
}

// RMSNorm's gradient of one head: `du` becomes dx, `d_weight` is added to.
template <class A>
void head_norm_backward(const RopeBackward& a, const std::vector<A>& x, std::vector<A>& du, std::vector<A>& d_weight) {
  const A r = inverse_rms(x, static_cast<A>(a.epsilon));
  A mean = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    d_weight[i] += du[i] * x[i] * r;
    du[i] *= get<A>(a.norm_weight, 0, static_cast<int64_t>(i)) + static_cast<A>(a.weight_offset);
    mean += du[i] * x[i];
  }
  mean /= static_cast<A>(x.size());
  for (size_t i = 0; i < x.size(); ++i) du[i] = r * (du[i] - x[i] * r * r * mean);
}

template <class A>
void rope_backward(const RopeBackward& a) {
  const int64_t half = a.head_size / 2;
  std::vector<A> d_weight(static_cast<size_t>(a.head_size));
  for (int64_t n = 0; n < a.dy.rows; ++n) {
    const int64_t position = a.positions[static_cast<size_t>(n)];
    for (int64_t head = 0; head < a.dy.columns; head += a.head_size) {
      const std::vector<A> dy = get_head<A>(a.dy, n, head, a.head_size);
      std::vector<A> du(dy.size());
      for (int64_t i = 0; i < half; ++i) {
        const A cosine = get<A>(a.cosine, position, i), sine = get<A>(a.sine, position, i);
        const A first = dy[static_cast<size_t>(i)], second = dy[static_cast<size_t>(half + i)];
        du[static_cast<size_t>(i)] = first * cosine + second * sine;
        du[static_cast<size_t>(half + i)] = second * cosine - first * sine;
      }
      if (a.norm_weight) head_norm_backward<A>(a, get_head<A>(a.x, n, head, a.head_size), du, d_weight);
      for (int64_t i = 0; i < a.head_size; ++i) put<A>(a.dx, n, head + i, du[static_cast<size_t>(i)]);
    }
  }
  if (!a.d_norm_weight) return;
  for (int64_t i = 0; i < a.head_size; ++i) add<A>(a.d_norm_weight, 0, i, d_weight[static_cast<size_t>(i)]);
}

CHEEMS_PLAIN(rope_forward, RopeForward)
CHEEMS_PLAIN(rope_backward, RopeBackward)

}  // namespace cheems::testing::plain
