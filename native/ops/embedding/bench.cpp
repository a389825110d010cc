#include "ops/embedding/embedding.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void embedding_bench(Bench& bench, const Case& c) {
  const PackedTree& tree = *c.tree;
  const int64_t n = tree.rows(), h = c.hidden_size;
  const auto elements = static_cast<double>(n * h), distinct = static_cast<double>(tree.token_runs.size() - 1);
  const Tensor table = bench.tensor(c.vocab_size, h), x = bench.tensor(n, h);
  bench.add("embedding_forward", shape_of({n, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().embedding_forward({.y = x, .table = table, .tokens = tree.tokens}); });
  bench.add("embedding_backward", shape_of({n, h}), (elements + 2 * distinct * static_cast<double>(h)) * kElement, 0,
            [&] {
              bench.ops().embedding_backward({.d_table = table,
                                              .dy = x,
                                              .tokens = tree.tokens,
                                              .token_order = tree.token_order,
                                              .token_runs = tree.token_runs});
            });
  bench.release();
}

const Registered embedding_registered(embedding_bench);

}  // namespace
}  // namespace cheems::bench
