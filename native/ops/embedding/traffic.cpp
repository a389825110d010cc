#include "ops/embedding/embedding.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_embedding(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), h = m.hidden;
  const double width = static_cast<double>(h), size = static_cast<double>(n * h);
  const double distinct = static_cast<double>(tree.token_runs.size() - 1);
  Device& d = report.device;
  const WorkspaceRequest request{.widest_row = h};
  report.measure(
      "embedding_forward", "bfloat16", size_text(n, h), {4 * size + 4.0 * static_cast<double>(n), size}, [&] {
        Operations& ops = d.operations(tree, request);
        const EmbeddingForward a{.y = d.matrix(kHalf, n, h), .table = d.matrix(kHalf, 2000, h), .tokens = tree.tokens};
        return [&ops, a] { ops.embedding_forward(a); };
      });
  for (const DType gradient : {kHalf, kFloat}) {
    report.measure("embedding_backward", std::string("bfloat16, gradient ") + name(gradient), size_text(n, h),
                   {2 * size + 2 * static_cast<double>(size_of(gradient)) * distinct * width, size}, [&] {
                     Operations& ops = d.operations(tree, request);
                     const EmbeddingBackward a{.d_table = d.matrix(gradient, 2000, h),
                                               .dy = d.matrix(kHalf, n, h),
                                               .tokens = tree.tokens,
                                               .token_order = tree.token_order,
                                               .token_runs = tree.token_runs};
                     return [&ops, a] { ops.embedding_backward(a); };
                   });
  }
}

void embedding_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_embedding(report, trees.wide, m);
}

const Registered embedding_registered(embedding_traffic);

}  // namespace
}  // namespace cheems::traffic
