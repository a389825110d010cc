// ops/rows/rows.h in plain loops.
#pragma once

#include "ops/rows/rows.h"
#include "testing/plain/elements.h"

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

}  // namespace cheems::testing::plain
