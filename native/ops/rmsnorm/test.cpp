#include "ops/rmsnorm/rmsnorm.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

template <class Real>
std::vector<Real> norm(const std::vector<Real>& x, const std::vector<Real>& weight, Real epsilon, Real offset) {
  const size_t columns = weight.size();
  std::vector<Real> y(x.size());
  for (size_t row = 0; row < x.size() / columns; ++row) {
    Real squares = 0;
    for (size_t i = 0; i < columns; ++i) squares += x[row * columns + i] * x[row * columns + i];
    const Real rms = std::sqrt(squares / static_cast<Real>(columns) + epsilon);
    for (size_t i = 0; i < columns; ++i) y[row * columns + i] = x[row * columns + i] / rms * (weight[i] + offset);
  }
  return y;
}

template <class Real>
struct NormGradient {
  std::vector<Real> dx, d_weight;
};

template <class Real>
NormGradient<Real> norm_gradient(const std::vector<Real>& dy, const std::vector<Real>& x,
                                 const std::vector<Real>& weight, Real epsilon, Real offset) {
  const size_t columns = weight.size();
  NormGradient<Real> d{std::vector<Real>(x.size()), std::vector<Real>(columns)};
  for (size_t row = 0; row < x.size(); row += columns) {
    Real squares = 0, pull = 0;
    for (size_t i = 0; i < columns; ++i) squares += x[row + i] * x[row + i];
    const Real r = 1 / std::sqrt(squares / static_cast<Real>(columns) + epsilon);
    for (size_t i = 0; i < columns; ++i) pull += dy[row + i] * (weight[i] + offset) * x[row + i];
    pull = pull / static_cast<Real>(columns) * r * r;
    for (size_t i = 0; i < columns; ++i) {
      d.dx[row + i] = r * (dy[row + i] * (weight[i] + offset) - x[row + i] * pull);
      d.d_weight[i] += dy[row + i] * x[row + i] * r;
    }
  }
  return d;
}

TEST_CASE("rmsnorm: the reference's gradient is that of finite differences") {
  for (const double offset : {0.0, 1.0}) {
    const auto x = as<double>(random_floats(3 * 5, 1)), weight = as<double>(random_floats(5, 2)),
               dy = as<double>(random_floats(3 * 5, 3));
    const auto d = norm_gradient(dy, x, weight, 1e-3, offset);
    check_gradient("dx", d.dx, x, [&](const auto& at) { return weighed(norm(at, weight, 1e-3, offset), dy); });
    check_gradient("dweight", d.d_weight, weight,
                   [&](const auto& at) { return weighed(norm(x, at, 1e-3, offset), dy); });
  }
}

void check_rmsnorm(int64_t rows, int64_t columns, float offset) {
  CAPTURE(rows);
  CAPTURE(columns);
  const float epsilon = 1e-5f;
  const int64_t count = rows * columns;
  const auto x = random_floats(count, 1, 3), weight = random_floats(columns, 2), dy = random_floats(count, 3),
             dx_before = random_floats(count, 4), dw_before = random_floats(columns, 5);
  const WorkspaceRequest request{.widest_row = columns, .rows = rows, .backward = true};
  const Outputs out = with_any_threads(request, [&](Cpu& cpu) -> Outputs {
    Matrix in(rows, columns, x), w = contiguous(1, columns, weight), upstream(rows, columns, dy, 7);
    Matrix y(rows, columns), again(rows, columns, {}, 1), r = contiguous(1, rows), dx(rows, columns, dx_before),
                                                          dw = contiguous(1, columns, dw_before);
    cpu->rmsnorm_forward({.y = y.view(),
                          .inverse_rms = r.view(),
                          .x = in.view(),
                          .weight = w.view(),
                          .epsilon = epsilon,
                          .weight_offset = offset});
    cpu->rmsnorm_apply(
        {.y = again.view(), .x = in.view(), .inverse_rms = r.view(), .weight = w.view(), .weight_offset = offset});
    cpu->rmsnorm_backward({.dx = dx.view(),
                           .d_weight = dw.view(),
                           .dy = upstream.view(),
                           .x = in.view(),
                           .inverse_rms = r.view(),
                           .weight = w.view(),
                           .weight_offset = offset});
    CHECK(same_bits(y.values(), again.values()));
    Matrix beside(rows, columns, dy, 4), with_residual(rows, columns);
    cpu->rmsnorm_forward({.y = with_residual.view(),
                          .inverse_rms = r.view(),
                          .x = in.view(),
                          .weight = w.view(),
                          .epsilon = epsilon,
                          .weight_offset = offset,
                          .residual = beside.view()});
    CHECK(same_bits(with_residual.values(), sum_of(y.values(), dy)));
    CHECK(with_residual.guards_hold());
    for (const Matrix* matrix : {&in, &w, &upstream, &y, &again, &r, &dx, &dw}) CHECK(matrix->guards_hold());
    return {y.values(), dx.values(), dw.values()};
  });
  const auto exact_x = as<double>(x), exact_weight = as<double>(weight);
  check_rounding("y", kOutputs, out[0], norm(x, weight, epsilon, offset),
                 norm<double>(exact_x, exact_weight, epsilon, offset));
  const auto plain = norm_gradient(dy, x, weight, epsilon, offset);
  const auto exact = norm_gradient<double>(as<double>(dy), exact_x, exact_weight, epsilon, offset);
  check_rounding("dx", kGradients, out[1], sum_of(plain.dx, dx_before), sum_of(exact.dx, as<double>(dx_before)));
  check_rounding("dweight", kGradients, out[2], sum_of(plain.d_weight, dw_before),
                 sum_of(exact.d_weight, as<double>(dw_before)));
}

TEST_CASE("rmsnorm: every size, target and thread count; dx and dweight accumulate, nothing else is touched") {
  for_each_simd_target([](const std::string&) {
    for (const float offset : {0.0f, 1.0f}) {
      check_rmsnorm(1, 1, offset);
      check_rmsnorm(3, 5, offset);
      check_rmsnorm(1, 97, offset);
      check_rmsnorm(17, 7, offset);
      check_rmsnorm(33, 64, offset);
      check_rmsnorm(65, 63, offset);
      check_rmsnorm(130, 31, offset);
    }
  });
}

TEST_CASE("rmsnorm: a row of zeros gives zeros, and a NaN stays in its row") {
  Cpu cpu(1, {.widest_row = 33, .rows = 3, .backward = true});
  auto x = random_floats(99, 1);
  std::fill(x.begin(), x.begin() + 33, 0.0f);
  x[70] = NAN;
  Matrix in(3, 33, x), w = contiguous(1, 33, random_floats(33, 2)), y(3, 33), r = contiguous(1, 3);
  cpu->rmsnorm_forward({.y = y.view(), .inverse_rms = r.view(), .x = in.view(), .weight = w.view(), .epsilon = 1e-6f});
  const auto out = y.values();
  CHECK(std::all_of(out.begin(), out.begin() + 33, [](float v) { return v == 0; }));
  CHECK(std::none_of(out.begin() + 33, out.begin() + 66, [](float v) { return std::isnan(v); }));
  CHECK(std::all_of(out.begin() + 66, out.end(), [](float v) { return std::isnan(v); }));
}

}  // namespace
}  // namespace cheems
