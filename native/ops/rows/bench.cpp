#include "ops/rows/rows.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// On the reward rows alone: a few rows, where a launch's own time is most of it.
void rows_bench(Bench& bench, const Case& c) {
  const PackedTree& tree = *c.tree;
  const int64_t h = c.hidden_size, u = static_cast<int64_t>(tree.reward_rows.size());
  const auto elements = static_cast<double>(u * h);
  const Tensor x = bench.tensor(tree.rows(), h), picked = bench.tensor(u, h);
  bench.add("gather_rows", shape_of({u, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().gather_rows({.y = picked, .x = x, .rows = tree.reward_rows}); });
  bench.add("scatter_rows", shape_of({u, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().scatter_rows({.x = x, .y = picked, .rows = tree.reward_rows}); });
  bench.add("scatter_add_rows", shape_of({u, h}), 3 * elements * kElement, 0,
            [&] { bench.ops().scatter_add_rows({.x = x, .y = picked, .rows = tree.reward_rows}); });
  bench.release();
}

const Registered rows_registered(rows_bench);

}  // namespace
}  // namespace cheems::bench
