// The operation in plain loops: the reference for every backend. In double, whatever Accumulate is: the contract says
// so.
#include "ops/grad_norm/grad_norm.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class>
void sum_of_squares(const SumOfSquares& a) {
  for (int64_t r = 0; r < a.x.rows; ++r) {
    if (a.row_seen && !a.row_seen[r]) continue;
    for (int64_t c = 0; c < a.x.columns; ++c) *a.sum += get<double>(a.x, r, c) * get<double>(a.x, r, c);
  }
}

CHEEMS_PLAIN(sum_of_squares, SumOfSquares)

}  // namespace cheems::testing::plain
