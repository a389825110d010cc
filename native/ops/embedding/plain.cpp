// The operation in plain loops: the reference for every backend.
#include "ops/embedding/embedding.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void embedding_forward(const EmbeddingForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t h = 0; h < a.y.columns; ++h)
      put<A>(a.y, n, h, static_cast<A>(a.scale) * get<A>(a.table, a.tokens[static_cast<size_t>(n)], h));
  }
}

// One rounding per entry: the sum over a token's rows is complete before it is added to the table.
template <class A>
void embedding_backward(const EmbeddingBackward& a) {
  for (size_t run = 0; run + 1 < a.token_runs.size(); ++run) {
    const auto begin = static_cast<size_t>(a.token_runs[run]), end = static_cast<size_t>(a.token_runs[run + 1]);
    const int32_t token = a.tokens[static_cast<size_t>(a.token_order[begin])];
    for (int64_t h = 0; h < a.dy.columns; ++h) {
      A sum = 0;
      for (size_t i = begin; i < end; ++i) sum += get<A>(a.dy, a.token_order[i], h);
      add<A>(a.d_table, token, h, static_cast<A>(a.scale) * sum);
    }
  }
}

CHEEMS_PLAIN(embedding_forward, EmbeddingForward)
CHEEMS_PLAIN(embedding_backward, EmbeddingBackward)

}  // namespace cheems::testing::plain
