#include "ops/rope/rope.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void rope_bench(Bench& bench, const Case& c) {
  const PackedTree& tree = *c.tree;
  const int64_t n = tree.rows(), half = c.head_size / 2;
  const Tensor qkv = bench.tensor(n, c.qkv_size()), cosine = bench.tensor(tree.longest_path, half, DType::float32),
               sine = bench.tensor(tree.longest_path, half, DType::float32);
  const Tensor q = qkv.column_range(0, c.query_size()), k = qkv.column_range(c.query_size(), c.key_value_size());
  for (const auto& [part, x] : {std::pair{"queries", q}, {"keys", k}}) {
    const double bytes = 2 * static_cast<double>(n * x.columns) * kElement;
    const std::string shape = std::string(part) + ", " + shape_of({n, x.columns});
    bench.add("rope_forward", shape, bytes, 0, [&, x = x] {
      bench.ops().rope_forward({.y = x,
                                .x = x,
                                .head_size = c.head_size,
                                .positions = tree.positions,
                                .cosine = cosine,
                                .sine = sine,
                                .norm_weight = {}});
    });
    bench.add("rope_backward", shape, bytes, 0, [&, x = x] {
      bench.ops().rope_backward({.dx = x,
                                 .d_norm_weight = {},
                                 .dy = x,
                                 .x = x,
                                 .head_size = c.head_size,
                                 .positions = tree.positions,
                                 .cosine = cosine,
                                 .sine = sine,
                                 .norm_weight = {}});
    });
  }
  bench.release();
}

const Registered rope_registered(rope_bench);

}  // namespace
}  // namespace cheems::bench
