#include "ops/grad_norm/grad_norm.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_squares(Report& report, const PackedTree& tree, int64_t rows, int64_t columns) {
  const double size = static_cast<double>(rows * columns);
  Device& d = report.device;
  for (const DType gradient : {kHalf, kFloat}) {
    report.measure("sum_of_squares", name(gradient), size_text(rows, columns),
                   {static_cast<double>(size_of(gradient)) * size, 2 * size}, [&] {
                     Operations& ops = d.operations(tree, {.widest_row = columns});
                     const SumOfSquares a{.sum = static_cast<double*>(d.raw(8)),
                                          .x = d.matrix(gradient, rows, columns)};
                     return [&ops, a] { ops.sum_of_squares(a); };
                   });
  }
}

void grad_norm_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge})
    count_squares(report, trees.wide, m.hidden == kSmall.hidden ? 256 : 64, m.hidden);
}

const Registered grad_norm_registered(grad_norm_traffic);

}  // namespace
}  // namespace cheems::traffic
