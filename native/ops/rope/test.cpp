#include <cmath>

#include "ops/rope/rope.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

constexpr int64_t kPositions = 50;

// One problem: `heads` heads of `size`, with tables of real angles.
struct Rotation {
  int64_t rows, heads, size;
  bool normed;
  float epsilon, offset;
  std::vector<int32_t> positions;
  std::vector<float> cosine, sine, weight;

  Rotation(int64_t rows, int64_t heads, int64_t size, bool normed, float offset, double attention_factor = 1)
      : rows(rows), heads(heads), size(size), normed(normed), epsilon(1e-6f), offset(offset) {
    for (int64_t n = 0; n < rows; ++n) positions.push_back(static_cast<int32_t>((n * 7 + 3) % kPositions));
    for (int64_t position = 0; position < kPositions; ++position) {
      for (int64_t i = 0; i < size / 2; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(size));
        cosine.push_back(static_cast<float>(attention_factor * std::cos(angle)));
        sine.push_back(static_cast<float>(attention_factor * std::sin(angle)));
      }
    }
    if (normed) weight = random_floats(size, 11);
  }
  int64_t columns() const { return heads * size; }
  int64_t count() const { return rows * columns(); }
};

// Calls visit(first entry of a head in the matrix, its position).
template <class Visit>
void for_each_head(const Rotation& r, Visit visit) {
  for (int64_t n = 0; n < r.rows; ++n) {
    for (int64_t head = 0; head < r.heads; ++head)
      visit(static_cast<size_t>(n * r.columns() + head * r.size),
            static_cast<size_t>(r.positions[static_cast<size_t>(n)]));
  }
}

template <class Real>
Real inverse_rms(const Rotation& r, const std::vector<Real>& x, size_t at) {
  Real squares = 0;
  for (int64_t i = 0; i < r.size; ++i) squares += x[at + static_cast<size_t>(i)] * x[at + static_cast<size_t>(i)];
  return 1 / std::sqrt(squares / static_cast<Real>(r.size) + static_cast<Real>(r.epsilon));
}

template <class Real>
std::vector<Real> rotate(const Rotation& r, const std::vector<Real>& x, const std::vector<Real>& weight) {
  std::vector<Real> y(x.size());
  const auto half = static_cast<size_t>(r.size / 2);
  for_each_head(r, [&](size_t at, size_t position) {
    const Real scale = r.normed ? inverse_rms(r, x, at) : Real{1};
    const auto u = [&](size_t i) {
      return r.normed ? x[at + i] * scale * (weight[i] + static_cast<Real>(r.offset)) : x[at + i];
    };
    for (size_t i = 0; i < half; ++i) {
      const Real c = r.cosine[position * half + i], s = r.sine[position * half + i];
      y[at + i] = u(i) * c - u(half + i) * s;
      y[at + half + i] = u(half + i) * c + u(i) * s;
    }
  });
  return y;
}

template <class Real>
struct RotationGradient {
  std::vector<Real> dx, d_weight;
};

template <class Real>
RotationGradient<Real> rotate_gradient(const Rotation& r, const std::vector<Real>& dy, const std::vector<Real>& x,
                                       const std::vector<Real>& weight) {
  RotationGradient<Real> d{std::vector<Real>(x.size()), std::vector<Real>(weight.size())};
  const auto half = static_cast<size_t>(r.size / 2), size = static_cast<size_t>(r.size);
  for_each_head(r, [&](size_t at, size_t position) {
    for (size_t i = 0; i < half; ++i) {
      const Real c = r.cosine[position * half + i], s = r.sine[position * half + i];
      d.dx[at + i] = dy[at + i] * c + dy[at + half + i] * s;
      d.dx[at + half + i] = dy[at + half + i] * c - dy[at + i] * s;
    }
    if (!r.normed) return;
    const Real scale = inverse_rms(r, x, at);
    Real pull = 0;
    for (size_t i = 0; i < size; ++i) pull += d.dx[at + i] * (weight[i] + static_cast<Real>(r.offset)) * x[at + i];
    pull = pull / static_cast<Real>(size) * scale * scale;
    for (size_t i = 0; i < size; ++i) {
      d.d_weight[i] += d.dx[at + i] * x[at + i] * scale;
      d.dx[at + i] = scale * (d.dx[at + i] * (weight[i] + static_cast<Real>(r.offset)) - x[at + i] * pull);
    }
  });
  return d;
}

TEST_CASE("rope: the reference's gradient is that of finite differences") {
  for (const bool normed : {false, true}) {
    const Rotation r(3, 2, 6, normed, 0, 1.1);  // scaled tables, as YaRN has them
    const auto x = as<double>(random_floats(r.count(), 1)), dy = as<double>(random_floats(r.count(), 2)),
               weight = as<double>(r.weight);
    const auto d = rotate_gradient(r, dy, x, weight);
    check_gradient("dx", d.dx, x, [&](const auto& at) { return weighed(rotate(r, at, weight), dy); });
    check_gradient("dweight", d.d_weight, weight, [&](const auto& at) { return weighed(rotate(r, x, at), dy); });
  }
}

void check_rope(const Rotation& r) {
  CAPTURE(r.rows);
  CAPTURE(r.heads);
  CAPTURE(r.size);
  CAPTURE(r.normed);
  const auto x = random_floats(r.count(), 1, 2), dy = random_floats(r.count(), 2),
             dw_before = random_floats(r.normed ? r.size : 0, 3);
  const Outputs out =
      with_any_threads({.widest_row = r.columns(), .rows = r.rows, .backward = true}, [&](Cpu& cpu) -> Outputs {
        Matrix in(r.rows, r.columns(), x), y(r.rows, r.columns(), {}, 5), upstream(r.rows, r.columns(), dy),
            dx(r.rows, r.columns(), {}, 1), in_place(r.rows, r.columns(), dy);
        Matrix cosine = contiguous(kPositions, r.size / 2, r.cosine), sine = contiguous(kPositions, r.size / 2, r.sine),
               weight = contiguous(1, r.size, r.weight);
        Matrix dw = contiguous(1, r.size, dw_before), dw_in_place = contiguous(1, r.size, dw_before);
        const ConstTensor norm_weight = r.normed ? ConstTensor(weight.view()) : ConstTensor();
        cpu->rope_forward({.y = y.view(),
                           .x = in.view(),
                           .head_size = r.size,
                           .positions = r.positions,
                           .cosine = cosine.view(),
                           .sine = sine.view(),
                           .norm_weight = norm_weight,
                           .epsilon = r.epsilon,
                           .weight_offset = r.offset});
        RopeBackward backward{.dx = dx.view(),
                              .d_norm_weight = r.normed ? dw.view() : Tensor{},
                              .dy = upstream.view(),
                              .x = in.view(),
                              .head_size = r.size,
                              .positions = r.positions,
                              .cosine = cosine.view(),
                              .sine = sine.view(),
                              .norm_weight = norm_weight,
                              .epsilon = r.epsilon,
                              .weight_offset = r.offset};
        cpu->rope_backward(backward);
        backward.dx = in_place.view(), backward.dy = in_place.view();
        if (r.normed) backward.d_norm_weight = dw_in_place.view();
        cpu->rope_backward(backward);
        CHECK(same_bits(dx.values(), in_place.values()));
        CHECK(same_bits(dw.values(), dw_in_place.values()));
        if (!r.normed) {  // the forward in place, too
          Matrix turned(r.rows, r.columns(), x);
          cpu->rope_forward({.y = turned.view(),
                             .x = turned.view(),
                             .head_size = r.size,
                             .positions = r.positions,
                             .cosine = cosine.view(),
                             .sine = sine.view(),
                             .norm_weight = {}});
          CHECK(same_bits(turned.values(), y.values()));
        }
        for (const Matrix* matrix : {&in, &y, &upstream, &dx, &in_place, &cosine, &sine, &weight, &dw, &dw_in_place})
          CHECK(matrix->guards_hold());
        return {y.values(), dx.values(), dw.values()};
      });
  const auto plain = rotate_gradient(r, dy, x, r.weight);
  const auto exact = rotate_gradient<double>(r, as<double>(dy), as<double>(x), as<double>(r.weight));
  check_rounding("y", kOutputs, out[0], rotate(r, x, r.weight), rotate<double>(r, as<double>(x), as<double>(r.weight)));
  check_rounding("dx", kGradients, out[1], plain.dx, exact.dx);
  if (r.normed)
    check_rounding("dweight", kGradients, out[2], sum_of(plain.d_weight, dw_before),
                   sum_of(exact.d_weight, as<double>(dw_before)));
}

TEST_CASE("rope: every size, target and thread count, with and without the heads' norm, beside and in place") {
  for_each_simd_target([](const std::string&) {
    for (const bool normed : {false, true}) {
      check_rope(Rotation(1, 1, 2, normed, 0));
      check_rope(Rotation(5, 3, 6, normed, 1));
      check_rope(Rotation(33, 2, 34, normed, 0, 1.1));
      check_rope(Rotation(130, 1, 64, normed, 0));
    }
  });
}

TEST_CASE("rope: position 0 changes nothing, and scores depend on the distance alone") {
  Rotation r(2, 1, 16, false, 0);
  Cpu cpu(1);
  const auto x = random_floats(32, 5);
  Matrix cosine = contiguous(kPositions, 8, r.cosine), sine = contiguous(kPositions, 8, r.sine), in(2, 16, x), y(2, 16);
  const auto score = [&](int32_t a, int32_t b) {
    const std::vector<int32_t> positions{a, b};
    cpu->rope_forward({.y = y.view(),
                       .x = in.view(),
                       .head_size = 16,
                       .positions = positions,
                       .cosine = cosine.view(),
                       .sine = sine.view(),
                       .norm_weight = {}});
    double sum = 0;
    for (size_t i = 0; i < 16; ++i) sum += static_cast<double>(y.values()[i]) * y.values()[16 + i];
    return sum;
  };
  score(0, 0);
  CHECK(same_bits(y.values(), x));
  CHECK(score(3, 10) == doctest::Approx(score(30, 37)).epsilon(1e-4));
  CHECK(std::abs(score(3, 10) - score(3, 11)) > 1e-3);
}

}  // namespace
}  // namespace cheems
