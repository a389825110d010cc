#include "ops/gelu/gelu.h"
#include "ops/gelu/plain.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("gelu: every size, target and thread count, beside and in place") {
  for_each_simd_target([](const std::string&) {
    for (const double scale : {1e-3, 0.1, 1.0, 4.0}) {
      for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {17, 31}, {33, 65}, {7, 97}}) {
        CAPTURE(scale);
        CAPTURE(columns);
        const auto x = random_floats(rows * columns, 1, scale);
        const Outputs out = with_any_threads({}, [&, rows = rows, columns = columns](Cpu& cpu) -> Outputs {
          Matrix in(rows, columns, x), y(rows, columns, {}, 5), in_place(rows, columns, x);
          cpu->gelu_forward({.y = y.view(), .x = in.view()});
          cpu->gelu_forward({.y = in_place.view(), .x = in_place.view()});
          CHECK(same_bits(y.values(), in_place.values()));
          CHECK(same_bits(in.values(), x));
          for (const Matrix* matrix : {&in, &y, &in_place}) CHECK(matrix->guards_hold());
          return {y.values()};
        });
        std::vector<float> plain;
        std::vector<double> exact;
        for (const float value : x) plain.push_back(plain::gelu(value)), exact.push_back(plain::gelu<double>(value));
        check_rounding("y", kOutputs, out[0], plain, exact);
      }
    }
  });
}

// Against x / 2 erfc(-x / sqrt 2) in float64, which keeps its digits where 1 + erf has none left.
TEST_CASE("gelu: every number of float32 keeps its relative precision, the negative tail too") {
  for_each_simd_target([](const std::string&) {
    std::vector<float> x;
    for (double a = 1e-6; a < 11; a *= 1.002) x.insert(x.end(), {static_cast<float>(a), static_cast<float>(-a)});
    const auto count = static_cast<int64_t>(x.size());
    Cpu cpu(1);
    Matrix in(1, count, x), y(1, count);
    cpu->gelu_forward({.y = y.view(), .x = in.view()});
    const auto out = y.values();
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = 0.5 * x[i] * std::erfc(-static_cast<double>(x[i]) / std::sqrt(2.0));
      // exp(-x^2 / 2) magnifies the rounding of the square.
      worst = std::max(worst, std::abs(out[i] - exact) / std::abs(exact) / (1 + 0.5 * x[i] * x[i]));
    }
    CHECK(worst < 4e-7);
  });
}

TEST_CASE("gelu: the ends of float32 saturate, and a NaN shows") {
  for_each_simd_target([](const std::string&) {
    const std::vector<float> x = {-INFINITY, -3e38f, -100, -20, -0.0f, 0, 20, 100, 3e38f, NAN};
    const auto count = static_cast<int64_t>(x.size());
    Cpu cpu(1);
    Matrix in(1, count, x), y(1, count);
    cpu->gelu_forward({.y = y.view(), .x = in.view()});
    const auto out = y.values();
    for (size_t i = 1; i < 6; ++i) CHECK(std::abs(out[i]) < 1e-30f);
    for (size_t i = 6; i < 9; ++i) CHECK(out[i] == x[i]);
    CHECK(std::isnan(out[9]));
  });
}

}  // namespace
}  // namespace cheems
