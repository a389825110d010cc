#include "ops/linear/linear.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"
#include "testing/weights.h"

namespace cheems {
namespace {

using namespace testing;

struct Size {
  int64_t rows, in, out;
};

// Sums begin at `initial`; bias (where not empty) is added to each row.
template <class Real>
std::vector<Real> linear(Size s, const std::vector<Real>& x, const std::vector<Real>& weight,
                         const std::vector<Real>& bias, const std::vector<Real>& residual) {
  std::vector<Real> y(static_cast<size_t>(s.rows * s.out));
  for (int64_t n = 0; n < s.rows; ++n) {
    for (int64_t o = 0; o < s.out; ++o) {
      Real sum = 0;
      for (int64_t i = 0; i < s.in; ++i)
        sum += x[static_cast<size_t>(n * s.in + i)] * weight[static_cast<size_t>(o * s.in + i)];
      if (!bias.empty()) sum += bias[static_cast<size_t>(o)];
      if (!residual.empty()) sum += residual[static_cast<size_t>(n * s.out + o)];
      y[static_cast<size_t>(n * s.out + o)] = sum;
    }
  }
  return y;
}

template <class Real>
struct LinearGradient {
  std::vector<Real> dx, d_weight, d_bias;
};

template <class Real>
LinearGradient<Real> linear_gradient(Size s, const std::vector<Real>& dy, const std::vector<Real>& x,
                                     const std::vector<Real>& weight) {
  LinearGradient<Real> d{std::vector<Real>(static_cast<size_t>(s.rows * s.in)),
                         std::vector<Real>(static_cast<size_t>(s.out * s.in)),
                         std::vector<Real>(static_cast<size_t>(s.out))};
  for (int64_t n = 0; n < s.rows; ++n) {
    for (int64_t o = 0; o < s.out; ++o) {
      const Real upstream = dy[static_cast<size_t>(n * s.out + o)];
      d.d_bias[static_cast<size_t>(o)] += upstream;
      for (int64_t i = 0; i < s.in; ++i) {
        d.dx[static_cast<size_t>(n * s.in + i)] += upstream * weight[static_cast<size_t>(o * s.in + i)];
        d.d_weight[static_cast<size_t>(o * s.in + i)] += upstream * x[static_cast<size_t>(n * s.in + i)];
      }
    }
  }
  return d;
}

TEST_CASE("linear: the reference's gradient is that of finite differences") {
  const Size s{3, 5, 4};
  const auto x = as<double>(random_floats(15, 1)), weight = as<double>(random_floats(20, 2)),
             bias = as<double>(random_floats(4, 3)), dy = as<double>(random_floats(12, 4));
  const auto d = linear_gradient(s, dy, x, weight);
  check_gradient("dx", d.dx, x, [&](const auto& at) { return weighed(linear(s, at, weight, bias, {}), dy); });
  check_gradient("dweight", d.d_weight, weight,
                 [&](const auto& at) { return weighed(linear(s, x, at, bias, {}), dy); });
  check_gradient("dbias", d.d_bias, bias, [&](const auto& at) { return weighed(linear(s, x, weight, at, {}), dy); });
}

void check_linear(Size s, DType dtype, bool with_bias, bool with_residual) {
  CAPTURE(s.rows);
  CAPTURE(s.in);
  CAPTURE(s.out);
  CAPTURE(std::string(name(dtype)));
  CAPTURE(with_bias);
  CAPTURE(with_residual);
  // Factors that bfloat16 holds: their products are exact in it too.
  const auto factors = [](std::vector<float> numbers) {
    round_to(tested_precision(), numbers.data(), numbers.size());
    return numbers;
  };
  const auto x = factors(random_floats(s.rows * s.in, 1)), dy = factors(random_floats(s.rows * s.out, 4));
  const auto bias = with_bias ? random_floats(s.out, 2) : std::vector<float>(),
             residual = with_residual ? random_floats(s.rows * s.out, 3) : std::vector<float>();
  const auto dx_before = random_floats(s.rows * s.in, 5), dw_before = random_floats(s.out * s.in, 6),
             db_before = random_floats(s.out, 7);
  const Weights weight(s.out, s.in, dtype, factors(random_floats(s.out * s.in, 8, 0.3)));
  const Outputs out =
      with_any_threads({.widest_row = s.out, .rows = s.rows, .backward = true}, [&](Cpu& cpu) -> Outputs {
        Matrix in(s.rows, s.in, x), upstream(s.rows, s.out, dy), y(s.rows, s.out), in_place(s.rows, s.out, residual),
            b = contiguous(1, s.out, bias), beside(s.rows, s.out, residual, 9);
        const ConstTensor bias_view = with_bias ? ConstTensor(b.view()) : ConstTensor(),
                          residual_view = with_residual ? ConstTensor(beside.view()) : ConstTensor();
        cpu->linear_forward(
            {.y = y.view(), .x = in.view(), .weight = weight.view(), .bias = bias_view, .residual = residual_view});
        if (with_residual) {
          cpu->linear_forward({.y = in_place.view(),
                               .x = in.view(),
                               .weight = weight.view(),
                               .bias = bias_view,
                               .residual = in_place.view()});
          CHECK(same_bits(in_place.values(), y.values()));
        }
        Matrix dx(s.rows, s.in, random_floats(s.rows * s.in, 9)), dx_more(s.rows, s.in, dx_before),
            dw(s.out, s.in, dw_before), db = contiguous(1, s.out, db_before);
        cpu->linear_backward_input({.dx = dx.view(), .dy = upstream.view(), .weight = weight.view()});
        cpu->linear_backward_input(
            {.dx = dx_more.view(), .dy = upstream.view(), .weight = weight.view(), .accumulate = true});
        cpu->linear_backward_weight(
            {.d_weight = dw.view(), .d_bias = with_bias ? db.view() : Tensor{}, .dy = upstream.view(), .x = in.view()});
        for (const Matrix* matrix : {&in, &upstream, &y, &in_place, &b, &beside, &dx, &dx_more, &dw, &db})
          CHECK(matrix->guards_hold());
        return {y.values(), dx.values(), dx_more.values(), dw.values(), db.values()};
      });
  const auto plain = linear_gradient(s, dy, x, weight.widened());
  const auto exact = linear_gradient<double>(s, as<double>(dy), as<double>(x), as<double>(weight.widened()));
  check_rounding(
      "y", kOutputs, out[0], linear(s, x, weight.widened(), bias, residual),
      linear<double>(s, as<double>(x), as<double>(weight.widened()), as<double>(bias), as<double>(residual)));
  check_rounding("dx", kGradients, out[1], plain.dx, exact.dx);
  check_rounding("dx accumulated", kGradients, out[2], sum_of(plain.dx, dx_before),
                 sum_of(exact.dx, as<double>(dx_before)));
  check_rounding("dweight", kGradients, out[3], sum_of(plain.d_weight, dw_before),
                 sum_of(exact.d_weight, as<double>(dw_before)));
  if (with_bias)
    check_rounding("dbias", kGradients, out[4], sum_of(plain.d_bias, db_before),
                   sum_of(exact.d_bias, as<double>(db_before)));
  else CHECK(same_bits(out[4], db_before));
}

TEST_CASE("linear: every dtype, size, target and thread count, with and without bias and residual") {
  for_each_arithmetic([](const std::string&) {
    for (const DType dtype : kEveryDType) {
      check_linear({1, 1, 1}, dtype, true, true);
      check_linear({3, 5, 7}, dtype, false, true);
      check_linear({17, 31, 33}, dtype, true, false);
      check_linear({1, 97, 65}, dtype, true, true);
      check_linear({97, 63, 1}, dtype, false, false);
    }
    check_linear({130, 65, 97}, DType::float32, true, true);
  });
}

TEST_CASE("linear: a matrix without rows gives nothing, and adds nothing to the gradients") {
  const Weights weight(7, 5, DType::float32, random_floats(35, 1));
  const auto before = random_floats(35, 2);
  Cpu cpu(2);
  Matrix none_in(0, 5), none_out(0, 7), dw(7, 5, before);
  cpu->linear_forward({.y = none_out.view(), .x = none_in.view(), .weight = weight.view(), .bias = {}, .residual = {}});
  cpu->linear_backward_input({.dx = none_in.view(), .dy = none_out.view(), .weight = weight.view()});
  cpu->linear_backward_weight({.d_weight = dw.view(), .d_bias = {}, .dy = none_out.view(), .x = none_in.view()});
  CHECK(same_bits(dw.values(), before));
  CHECK((none_in.guards_hold() && none_out.guards_hold()));
}

TEST_CASE("linear: a column range of the input and of the output works as a matrix of its own") {
  const Size s{7, 5, 6};
  const auto whole = random_floats(s.rows * 20, 1);
  const Weights weight(s.out, s.in, DType::float32, random_floats(s.out * s.in, 2));
  Cpu cpu(2);
  Matrix x(s.rows, 20, whole), y(s.rows, 15, whole), picked(s.rows, s.in), alone(s.rows, s.out);
  std::vector<float> part, rest = y.values();
  for (int64_t n = 0; n < s.rows; ++n)
    part.insert(part.end(), whole.begin() + n * 20 + 3, whole.begin() + n * 20 + 3 + s.in);
  Matrix packed(s.rows, s.in, part);
  cpu->linear_forward({.y = alone.view(), .x = packed.view(), .weight = weight.view(), .bias = {}, .residual = {}});
  cpu->linear_forward({.y = y.view().column_range(4, s.out),
                       .x = x.view().column_range(3, s.in),
                       .weight = weight.view(),
                       .bias = {},
                       .residual = {}});
  for (int64_t n = 0; n < s.rows; ++n)
    std::copy_n(alone.values().begin() + n * s.out, s.out, rest.begin() + n * 15 + 4);
  CHECK(same_bits(y.values(), rest));
}

}  // namespace
}  // namespace cheems
