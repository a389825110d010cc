#include <cmath>

#include "ops/attention/attention.h"
#include "testing/operation_bench.h"

namespace cheems::cuda {
void attention_forward_of_other_shape(const AttentionForward& a, Context& context);  // bench/gpu_forward_shape.cu
}

namespace cheems::bench {
namespace {

double visible_pairs(const PackedTree& tree) {
  double pairs = 0;
  for (const int32_t position : tree.positions) pairs += position + 1;
  return pairs;
}

void attention_bench(Bench& bench, const Case& c) {
  const PackedTree& tree = *c.tree;
  const int64_t n = tree.rows();
  const auto queries = static_cast<double>(n * c.query_size()), keys = static_cast<double>(n * c.key_value_size()),
             sums = 4 * static_cast<double>(n * c.num_heads);
  const double pairs = visible_pairs(tree) * static_cast<double>(c.query_size());
  const AttentionShape shape{c.num_heads, c.num_key_value_heads, c.head_size, 0,
                             1 / std::sqrt(static_cast<float>(c.head_size))};
  const Tensor qkv = bench.tensor(n, c.qkv_size()), d_qkv = bench.tensor(n, c.qkv_size()),
               context = bench.tensor(n, c.query_size()), d_context = bench.tensor(n, c.query_size());
  const Tensor log_sum_exp = bench.tensor(n, c.num_heads, DType::float32);
  const auto q = [&](const Tensor& t) { return t.column_range(0, c.query_size()); };
  const auto k = [&](const Tensor& t) { return t.column_range(c.query_size(), c.key_value_size()); };
  const auto v = [&](const Tensor& t) {
    return t.column_range(c.query_size() + c.key_value_size(), c.key_value_size());
  };
  const std::string text = c.tree_name + ", " + std::to_string(c.num_heads) + "/" +
                           std::to_string(c.num_key_value_heads) + " heads of " + std::to_string(c.head_size);
  const AttentionForward forward{.context = context,
                                 .log_sum_exp = log_sum_exp,
                                 .q = q(qkv),
                                 .k = k(qkv),
                                 .v = v(qkv),
                                 .tree = &tree,
                                 .query_rows = {},
                                 .shape = shape};
  const double bytes = (2 * queries + 2 * keys) * kElement + sums;
  bench.add("attention_forward", text, bytes, 4 * pairs, [&] { bench.ops().attention_forward(forward); });
  if (c.head_size == 128) {
    bench.add("attention_forward, 4 x 32", text, bytes, 4 * pairs,
              [&] { cuda::attention_forward_of_other_shape(forward, bench.context()); });
  }
  bench.add("attention_backward", text, (4 * queries + 4 * keys) * kElement + sums, 10 * pairs, [&] {
    bench.ops().attention_backward({.dq = q(d_qkv),
                                    .dk = k(d_qkv),
                                    .dv = v(d_qkv),
                                    .d_context = d_context,
                                    .context = context,
                                    .log_sum_exp = log_sum_exp,
                                    .q = q(qkv),
                                    .k = k(qkv),
                                    .v = v(qkv),
                                    .tree = &tree,
                                    .query_rows = {},
                                    .shape = shape});
  });
  bench.release();
}

const Registered attention_registered(attention_bench, true);

}  // namespace
}  // namespace cheems::bench
