#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/cuda_on_cpu/operation_traffic.h"
#include "testing/relative_buckets.h"

namespace cheems::traffic {
namespace {

// DeBERTa v3's heads of 64 and 256 buckets a side; two of its 12 or 16 heads, for time: heads are independent.
void disentangled_attention_traffic(Report& report, const Trees&) {
  constexpr int64_t kSamples = 2, kLength = 256, kHeads = 2, kHeadSize = 64, kSide = 256;
  const PackedTree tree = testing::tree_of_samples(std::vector<int64_t>(kSamples, kLength));
  const int64_t n = tree.rows(), h = kHeads * kHeadSize, buckets = 2 * kSide;
  const double pairs = static_cast<double>(kSamples * kLength * kLength);
  const double flops = (4 * pairs + 4 * static_cast<double>(n * buckets)) * static_cast<double>(h);
  const double bytes = 2 * static_cast<double>((4 * n + 2 * buckets) * h);
  Device& d = report.device;
  report.measure("disentangled_attention_forward", "bfloat16", "2 samples of 256, 2 heads of 64", {bytes, flops}, [&] {
    Operations& ops = d.operations(tree, {.head_size = kHeadSize, .relative_buckets = buckets});
    const DisentangledAttentionForward a{.context = d.matrix(kHalf, n, h),
                                         .q = d.matrix(kHalf, n, h),
                                         .k = d.matrix(kHalf, n, h),
                                         .v = d.matrix(kHalf, n, h),
                                         .rel_q = d.matrix(kHalf, buckets, h),
                                         .rel_k = d.matrix(kHalf, buckets, h),
                                         .buckets = d.integers(testing::relative_buckets(kSide, kLength)),
                                         .reach = kLength,
                                         .tree = &tree,
                                         .first_tokens_only = false,
                                         .num_heads = kHeads,
                                         .head_size = kHeadSize,
                                         .scale = 1 / std::sqrt(3.0f * kHeadSize)};
    return [&ops, a] { ops.disentangled_attention_forward(a); };
  });
}

const Registered disentangled_attention_registered(disentangled_attention_traffic);

}  // namespace
}  // namespace cheems::traffic
