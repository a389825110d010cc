#include "ops/activation/activation.h"
#include "ops/activation/plain.h"
#include "testing/cpu.h"

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
      for (size_t i = 0; i < x.size(); ++i) CHECK(out[0][i] == doctest::Approx(plain::activated<double>(x[i], activation)).epsilon(3e-7));
    }
    Cpu cpu(1);
    Matrix nan(1, 1, {NAN});
    cpu->activation_forward({.y = nan.view(), .x = nan.view(), .activation = activation});
    CHECK(std::isnan(nan.values()[0]));
  }
}

}  // namespace
}  // namespace cheems
