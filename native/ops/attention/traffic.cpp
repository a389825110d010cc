#include "ops/attention/attention.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

struct AttentionTensors {
  Tensor q, k, v, context, log_sum_exp, d_context, dq, dk, dv;
};

void count_attention(Report& report, const PackedTree& tree, const AttentionShape& shape, DType dtype,
                     const std::string& form) {
  const int64_t n = tree.rows(), q_columns = shape.num_heads * shape.head_size,
                k_columns = shape.num_key_value_heads * shape.head_size;
  double pairs = 0;
  for (const int32_t position : tree.positions)
    pairs += static_cast<double>(shape.window > 0 ? std::min<int64_t>(position + 1, shape.window) : position + 1);
  const double products = pairs * static_cast<double>(q_columns);
  const double e = static_cast<double>(size_of(dtype)), q_bytes = e * static_cast<double>(n * q_columns),
               k_bytes = e * static_cast<double>(n * k_columns), sums = 4.0 * static_cast<double>(n * shape.num_heads);
  const std::string sizes = std::to_string(n) + " rows, " + std::to_string(shape.num_heads) + " heads of " +
                            std::to_string(shape.head_size) + ", " + std::to_string(shape.num_key_value_heads) +
                            " of keys";
  Device& d = report.device;
  const WorkspaceRequest request{.num_heads = shape.num_heads,
                                 .num_key_value_heads = shape.num_key_value_heads,
                                 .head_size = shape.head_size,
                                 .widest_row = q_columns};
  const auto tensors = [&] {
    const auto q_like = [&] { return d.matrix(dtype, n, q_columns); };
    const auto k_like = [&] { return d.matrix(dtype, n, k_columns); };
    return AttentionTensors{q_like(), k_like(), k_like(), q_like(), d.matrix(kFloat, n, shape.num_heads),
                            q_like(), q_like(), k_like(), k_like()};
  };
  report.measure("attention_forward", form, sizes, {2 * q_bytes + 2 * k_bytes + sums, 4 * products}, [&] {
    Operations& ops = d.operations(tree, request);
    const AttentionTensors t = tensors();
    return [&, t] {
      ops.attention_forward({.context = t.context,
                             .log_sum_exp = t.log_sum_exp,
                             .q = t.q,
                             .k = t.k,
                             .v = t.v,
                             .tree = &tree,
                             .query_rows = {},
                             .shape = shape});
    };
  });
  report.measure("attention_backward", form, sizes, {4 * q_bytes + 4 * k_bytes + sums, 10 * products}, [&] {
    Operations& ops = d.operations(tree, request);
    const AttentionTensors t = tensors();
    return [&, t] {
      ops.attention_backward({.dq = t.dq,
                              .dk = t.dk,
                              .dv = t.dv,
                              .d_context = t.d_context,
                              .context = t.context,
                              .log_sum_exp = t.log_sum_exp,
                              .q = t.q,
                              .k = t.k,
                              .v = t.v,
                              .tree = &tree,
                              .query_rows = {},
                              .shape = shape});
    };
  });
}

void attention_traffic(Report& report, const Trees& trees) {
  const float scale = 0.1f;
  for (const Model& m : {kSmall, kLarge}) {
    count_attention(report, trees.lone, {m.heads, m.key_value_heads, m.head_size, 0, scale, 0}, kHalf, "bfloat16");
  }
  for (const int64_t head_size : {80, 256}) {
    count_attention(report, trees.lone, {2, 1, head_size, 0, scale, 0}, kHalf, "bfloat16");
  }
  count_attention(report, trees.lone, {2, 1, 64, 128, scale, 50}, kHalf, "bfloat16, window 128, soft cap");
  count_attention(report, trees.wide, {2, 1, 64, 0, scale, 0}, kFloat, "float32, for checks");
}

const Registered attention_registered(attention_traffic);

}  // namespace
}  // namespace cheems::traffic
