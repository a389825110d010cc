#include "ops/rope/rope.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_rope(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), columns = m.heads * m.head_size;
  const double size = static_cast<double>(n * columns);
  const std::string sizes =
      std::to_string(n) + " rows, " + std::to_string(m.heads) + " heads of " + std::to_string(m.head_size);
  Device& d = report.device;
  const WorkspaceRequest request{
      .num_heads = m.heads, .num_key_value_heads = m.key_value_heads, .head_size = m.head_size, .widest_row = columns};
  const auto table = [&] { return d.matrix(kFloat, tree.longest_path, m.head_size / 2); };
  for (const bool with_norm : {false, true}) {
    const std::string form = with_norm ? "bfloat16, with the heads' norm" : "bfloat16, in place";
    const auto norm_weight = [&] { return with_norm ? d.vector(m.head_size) : Tensor(); };
    report.measure("rope_forward", form, sizes, {4 * size, (with_norm ? 8 : 3) * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const Tensor x = d.matrix(kHalf, n, columns), y = with_norm ? d.matrix(kHalf, n, columns) : x;
      const RopeForward a{.y = y,
                          .x = x,
                          .head_size = m.head_size,
                          .positions = tree.positions,
                          .cosine = table(),
                          .sine = table(),
                          .norm_weight = norm_weight(),
                          .epsilon = 1e-6f};
      return [&ops, a] { ops.rope_forward(a); };
    });
    report.measure("rope_backward", form, sizes, {(with_norm ? 6 : 4) * size, (with_norm ? 14 : 3) * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const Tensor dy = d.matrix(kHalf, n, columns), x = with_norm ? d.matrix(kHalf, n, columns) : Tensor();
      const RopeBackward a{.dx = dy,
                           .d_norm_weight = norm_weight(),
                           .dy = dy,
                           .x = x,
                           .head_size = m.head_size,
                           .positions = tree.positions,
                           .cosine = table(),
                           .sine = table(),
                           .norm_weight = norm_weight(),
                           .epsilon = 1e-6f};
      return [&ops, a] { ops.rope_backward(a); };
    });
  }
}

void rope_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_rope(report, trees.tall, m);
}

const Registered rope_registered(rope_traffic);

}  // namespace
}  // namespace cheems::traffic
