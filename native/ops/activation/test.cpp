#include "ops/activation/activation.h"
#include "ops/activation/plain.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("activation: every kind, size and thread count, beside and in place; ends and NaN") {
  for (const Activation activation : {Activation::relu, Activation::leaky_relu, Activation::selu}) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {17, 31}, {7, 97}}) {
      CAPTURE(columns);
      auto x = random_floats(rows * columns, 1, 2);
      x[0] = -90;
      const Outputs out = with_any_threads({}, [&, rows = rows, columns = columns](Cpu& cpu) -> Outputs {
        Matrix in(rows, columns, x), y(rows, columns, {}, 5), in_place(rows, columns, x);
        cpu->activation_forward({.y = y.view(), .x = in.view(), .activation = activation});
        cpu->activation_forward({.y = in_place.view(), .x = in_place.view(), .activation = activation});
        CHECK(same_bits(y.values(), in_place.values()));
        for (const Matrix* matrix : {&in, &y, &in_place}) CHECK(matrix->guards_hold());
        return {y.values()};
      });
      for (size_t i = 0; i < x.size(); ++i)
        CHECK(out[0][i] == doctest::Approx(plain::activated<double>(x[i], activation)).epsilon(3e-7));
    }
    Cpu cpu(1);
    Matrix nan(1, 1, {NAN});
    cpu->activation_forward({.y = nan.view(), .x = nan.view(), .activation = activation});
    CHECK(std::isnan(nan.values()[0]));
  }
}

TEST_CASE(
    "activation backward: finite differences in float64, then every kind, size and thread count, beside and in place; "
    "ends and NaN") {
  for (const Activation activation : {Activation::relu, Activation::leaky_relu, Activation::selu}) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {17, 31}, {7, 97}}) {
      CAPTURE(columns);
      const auto x = random_floats(rows * columns, 1, 2), dy = random_floats(rows * columns, 2);
      std::vector<float> y;
      std::vector<double> expected;
      for (size_t i = 0; i < x.size(); ++i) {
        const auto exact = plain::activated<double>(x[i], activation);
        y.push_back(static_cast<float>(exact));
        expected.push_back(static_cast<double>(dy[i]) * plain::activation_slope<double>(exact, activation));
      }
      check_gradient("dx", expected, as<double>(x), [&](const std::vector<double>& at) {
        std::vector<double> outputs;
        for (const double value : at) outputs.push_back(plain::activated<double>(value, activation));
        return weighed(outputs, as<double>(dy));
      });
      const Outputs out = with_any_threads({}, [&, rows = rows, columns = columns](Cpu& cpu) -> Outputs {
        Matrix result(rows, columns, y), upstream(rows, columns, dy, 5), dx(rows, columns), in_place(rows, columns, dy);
        cpu->activation_backward(
            {.dx = dx.view(), .dy = upstream.view(), .y = result.view(), .activation = activation});
        cpu->activation_backward(
            {.dx = in_place.view(), .dy = in_place.view(), .y = result.view(), .activation = activation});
        CHECK(same_bits(dx.values(), in_place.values()));
        for (const Matrix* matrix : {&result, &upstream, &dx, &in_place}) CHECK(matrix->guards_hold());
        return {dx.values()};
      });
      for (size_t i = 0; i < x.size(); ++i) CHECK(out[0][i] == doctest::Approx(expected[i]).epsilon(1e-6));
    }
    Cpu cpu(1);
    Matrix zero(1, 1), nan(1, 1, {NAN}), dx(1, 1, {1});
    cpu->activation_backward({.dx = dx.view(), .dy = nan.view(), .y = zero.view(), .activation = activation});
    CHECK(std::isnan(dx.values()[0]));
  }
}

}  // namespace
}  // namespace cheems
