#include "ops/layernorm/layernorm.h"
#include "testing/cpu.h"
#include "testing/plain_backend.h"

namespace cheems {
namespace {

using namespace testing;

template <class Real>
std::vector<float> plain_norm(int64_t rows, int64_t columns, const std::vector<float>& x,
                              const std::vector<float>& weight, const std::vector<float>& bias, float epsilon) {
  Matrix in(rows, columns, x), w = contiguous(1, columns, weight), b = contiguous(1, columns, bias), y(rows, columns);
  plain_backend<Real>().operations().layernorm_forward(
      {.y = y.view(), .x = in.view(), .weight = w.view(), .bias = b.view(), .epsilon = epsilon});
  return y.values();
}

void check_norm(int64_t rows, int64_t columns, float middle = 0) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(middle);
  const float epsilon = 1e-7f;
  auto x = random_floats(rows * columns, 1, 3);
  for (float& value : x) value += middle;
  const auto weight = random_floats(columns, 2), bias = random_floats(columns, 3);
  const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
    Matrix in(rows, columns, x), w = contiguous(1, columns, weight), b = contiguous(1, columns, bias),
                                 y(rows, columns, {}, 5), in_place(rows, columns, x);
    cpu->layernorm_forward({.y = y.view(), .x = in.view(), .weight = w.view(), .bias = b.view(), .epsilon = epsilon});
    cpu->layernorm_forward(
        {.y = in_place.view(), .x = in_place.view(), .weight = w.view(), .bias = b.view(), .epsilon = epsilon});
    CHECK(same_bits(y.values(), in_place.values()));
    CHECK(same_bits(in.values(), x));
    for (const Matrix* matrix : {&in, &w, &b, &y, &in_place}) CHECK(matrix->guards_hold());
    return {y.values()};
  });
  check_rounding("y", kOutputs, out[0], plain_norm<float>(rows, columns, x, weight, bias, epsilon),
                 as<double>(plain_norm<double>(rows, columns, x, weight, bias, epsilon)));
}

TEST_CASE("layernorm: every size, target and thread count, beside and in place, and rows far from zero") {
  for_each_simd_target([](const std::string&) {
    check_norm(1, 2);
    check_norm(3, 5);
    check_norm(1, 97);
    check_norm(17, 7);
    check_norm(33, 64);
    check_norm(65, 63);
    check_norm(130, 31);
    check_norm(5, 1024, 1000);
    check_norm(5, 40, -3000);
  });
}

TEST_CASE("layernorm: a row of one number all along gives the bias, and a NaN stays in its row") {
  for_each_simd_target([](const std::string&) {
    Cpu cpu(1);
    auto x = random_floats(99, 1);
    std::fill(x.begin(), x.begin() + 33, 7.0f);
    x[70] = NAN;
    const auto bias = random_floats(33, 3);
    Matrix in(3, 33, x), w = contiguous(1, 33, random_floats(33, 2)), b = contiguous(1, 33, bias), y(3, 33);
    cpu->layernorm_forward({.y = y.view(), .x = in.view(), .weight = w.view(), .bias = b.view(), .epsilon = 1e-7f});
    const auto out = y.values();
    CHECK(std::equal(bias.begin(), bias.end(), out.begin()));
    CHECK(std::none_of(out.begin() + 33, out.begin() + 66, [](float v) { return std::isnan(v); }));
    CHECK(std::all_of(out.begin() + 66, out.end(), [](float v) { return std::isnan(v); }));
  });
}

}  // namespace
}  // namespace cheems
