#include "ops/activation/activation.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("activation on the device: every kind and width, beside and in place, and nothing to do") {
  for (const Activation activation : {Activation::relu, Activation::leaky_relu, Activation::selu}) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{0, 8}, {1, 1}, {3, 5}, {2, 1032}, {70, 40}}) {
      CAPTURE(columns);
      const auto x = random_floats(rows * columns, 1, 2), dy = random_floats(rows * columns, 2);
      check_operation({}, [&, rows = rows, columns = columns](Site& site) -> OutputList {
        const Tensor y = site.floats(rows, columns), in_place = site.floats(rows, columns, x);
        site->activation_forward({.y = y, .x = site.floats(rows, columns, x), .activation = activation});
        site->activation_forward({.y = in_place, .x = in_place, .activation = activation});
        CHECK(same_bits(site.values(in_place), site.values(y)));
        const Tensor dx = site.floats(rows, columns), d_in_place = site.floats(rows, columns, dy);
        site->activation_backward({.dx = dx, .dy = site.floats(rows, columns, dy), .y = y, .activation = activation});
        site->activation_backward({.dx = d_in_place, .dy = d_in_place, .y = y, .activation = activation});
        CHECK(same_bits(site.values(d_in_place), site.values(dx)));
        return {{"y", site.values(y), kOutputs}, {"dx", site.values(dx), kGradients}};
      });
    }
  }
}

}  // namespace
}  // namespace cheems
