#include "ops/rows/rows.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("rows: gathered rows are the matrix's, and scatter and scatter_add touch those rows alone") {
  const std::vector<int32_t> picks = {16, 0, 5, 3};
  for (const int64_t columns : {1, 7, 33, 97}) {
    const auto x = random_floats(17 * columns, 1), y = random_floats(4 * columns, 2);
    Cpu cpu(2);
    Matrix from(17, columns, x), gathered(4, columns, {}, 5), to(17, columns, x), put(17, columns, x, 2),
        add(4, columns, y, 1);
    cpu->gather_rows({.y = gathered.view(), .x = from.view(), .rows = picks});
    cpu->scatter_rows({.x = put.view(), .y = add.view(), .rows = picks});
    cpu->scatter_add_rows({.x = to.view(), .y = add.view(), .rows = picks});
    std::vector<float> expected_rows, expected = x, expected_put = x;
    for (size_t i = 0; i < picks.size(); ++i) {
      for (int64_t c = 0; c < columns; ++c) {
        expected_rows.push_back(x[static_cast<size_t>(picks[i] * columns + c)]);
        expected_put[static_cast<size_t>(picks[i] * columns + c)] =
            y[i * static_cast<size_t>(columns) + static_cast<size_t>(c)];
        expected[static_cast<size_t>(picks[i] * columns + c)] +=
            y[i * static_cast<size_t>(columns) + static_cast<size_t>(c)];
      }
    }
    CHECK(same_bits(gathered.values(), expected_rows));
    CHECK(same_bits(to.values(), expected));
    CHECK(same_bits(put.values(), expected_put));
    CHECK((from.guards_hold() && gathered.guards_hold() && to.guards_hold() && put.guards_hold() && add.guards_hold()));
  }
}

}  // namespace
}  // namespace cheems
