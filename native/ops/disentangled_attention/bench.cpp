#include <cmath>

#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/operation_bench.h"
#include "testing/relative_buckets.h"

namespace cheems::bench {
namespace {

// Samples of up to 512 tokens with DeBERTa v3's 256 buckets a side, in this model's heads.
void disentangled_attention_bench(Bench& bench, const Case& c) {
  constexpr int64_t kSide = 256;
  const int64_t length = std::min<int64_t>(c.rows(), 512), samples = std::max<int64_t>(c.rows() / length, 1);
  const PackedTree tree = testing::tree_of_samples(std::vector<int64_t>(static_cast<size_t>(samples), length));
  const int64_t n = tree.rows(), h = c.query_size(), buckets = 2 * kSide;
  const int32_t* table = bench.integers(testing::relative_buckets(kSide, length));
  const Tensor context = bench.tensor(n, h), q = bench.tensor(n, h), k = bench.tensor(n, h), v = bench.tensor(n, h),
               rel_q = bench.tensor(buckets, h), rel_k = bench.tensor(buckets, h);
  const double width = static_cast<double>(h), pairs = static_cast<double>(samples * length * length);
  const double bytes = static_cast<double>(4 * n + 2 * buckets) * width * kElement,
               flops = (4 * pairs + 4 * static_cast<double>(n * buckets)) * width;
  const float scale = 1 / std::sqrt(3 * static_cast<float>(c.head_size));
  bench.ops().begin_batch(tree);
  bench.add("disentangled_attention_forward", shape_of({samples, length, c.num_heads, c.head_size}), bytes, flops, [&] {
    bench.ops().disentangled_attention_forward({.context = context,
                                                .q = q,
                                                .k = k,
                                                .v = v,
                                                .rel_q = rel_q,
                                                .rel_k = rel_k,
                                                .buckets = table,
                                                .reach = length,
                                                .tree = &tree,
                                                .first_tokens_only = false,
                                                .num_heads = c.num_heads,
                                                .head_size = c.head_size,
                                                .scale = scale});
  });
  bench.release();
  bench.ops().begin_batch(*c.tree);
}

const Registered disentangled_attention_registered(disentangled_attention_bench);

}  // namespace
}  // namespace cheems::bench
