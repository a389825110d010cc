// The operation in plain loops: the reference for every backend.
#include "ops/expert_rows/expert_rows.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void gather_expert_rows(const GatherExpertRows& a) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    for (int64_t c = 0; c < a.y.columns; ++c) put<A>(a.y, i, c, get<A>(a.x, a.rows[i], c));
  }
}

template <class A>
void combine_expert_rows(const CombineExpertRows& a) {
  const int64_t k = a.weights.columns;
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t i = 0; i < a.y.columns; ++i) {
      A sum = 0;
      for (int64_t c = 0; c < k; ++c) sum += get<A>(a.weights, n, c) * get<A>(a.x, a.places[n * k + c], i);
      put<A>(a.y, n, i, get<A>(a.residual, n, i) + sum);
    }
  }
}

CHEEMS_PLAIN(gather_expert_rows, GatherExpertRows)
CHEEMS_PLAIN(combine_expert_rows, CombineExpertRows)

}  // namespace cheems::testing::plain
