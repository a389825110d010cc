#include "ops/rows/rows.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_rows(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), h = m.hidden, u = static_cast<int64_t>(tree.reward_rows.size());
  const double picked = static_cast<double>(u * h);
  Device& d = report.device;
  const WorkspaceRequest request{.widest_row = h};
  report.measure("gather_rows", "bfloat16", size_text(u, h), {4 * picked + 4.0 * static_cast<double>(u), 0}, [&] {
    Operations& ops = d.operations(tree, request);
    const GatherRows a{.y = d.matrix(kHalf, u, h), .x = d.matrix(kHalf, n, h), .rows = tree.reward_rows};
    return [&ops, a] { ops.gather_rows(a); };
  });
  report.measure("scatter_rows", "bfloat16", size_text(u, h), {4 * picked + 4.0 * static_cast<double>(u), 0}, [&] {
    Operations& ops = d.operations(tree, request);
    const ScatterRows a{.x = d.matrix(kHalf, n, h), .y = d.matrix(kHalf, u, h), .rows = tree.reward_rows};
    return [&ops, a] { ops.scatter_rows(a); };
  });
  report.measure(
      "scatter_add_rows", "bfloat16", size_text(u, h), {6 * picked + 4.0 * static_cast<double>(u), picked}, [&] {
        Operations& ops = d.operations(tree, request);
        const ScatterAddRows a{.x = d.matrix(kHalf, n, h), .y = d.matrix(kHalf, u, h), .rows = tree.reward_rows};
        return [&ops, a] { ops.scatter_add_rows(a); };
      });
}

void rows_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_rows(report, trees.wide, m);
}

const Registered rows_registered(rows_traffic);

}  // namespace
}  // namespace cheems::traffic
