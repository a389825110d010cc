// The operation in plain loops: the reference for every backend.
#include "ops/rows/rows.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void gather_rows(const GatherRows& a) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    for (int64_t c = 0; c < a.y.columns; ++c) put<A>(a.y, i, c, get<A>(a.x, a.rows[static_cast<size_t>(i)], c));
  }
}

template <class A>
void scatter_rows(const ScatterRows& a) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    for (int64_t c = 0; c < a.y.columns; ++c) put<A>(a.x, a.rows[static_cast<size_t>(i)], c, get<A>(a.y, i, c));
  }
}

template <class A>
void scatter_add_rows(const ScatterAddRows& a) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    for (int64_t c = 0; c < a.y.columns; ++c) add<A>(a.x, a.rows[static_cast<size_t>(i)], c, get<A>(a.y, i, c));
  }
}

CHEEMS_PLAIN(gather_rows, GatherRows)
CHEEMS_PLAIN(scatter_rows, ScatterRows)
CHEEMS_PLAIN(scatter_add_rows, ScatterAddRows)

}  // namespace cheems::testing::plain
