#include "ops/linear/linear.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

// The bias's part of a matrix product. The product itself is cuBLASLt's, or our own if cuBLASLt has none.
void count_linear(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), out = m.qkv_columns, in = 8;
  Device& d = report.device;
  report.measure("linear_forward", "bfloat16, its bias (product by cuBLASLt)", size_text(n, out),
                 {6.0 * static_cast<double>(out), 0}, [&] {
                   Operations& ops = d.operations(tree, {.widest_row = out});
                   const LinearForward a{.y = d.matrix(kHalf, n, out),
                                         .x = d.matrix(kHalf, n, in),
                                         .weight = d.matrix(kHalf, out, in),
                                         .bias = d.vector(out),
                                         .residual = {}};
                   return [&ops, a] { ops.linear_forward(a); };
                 });
  report.measure("linear_backward_weight", "bfloat16, its bias (product by cuBLASLt)", size_text(n, out),
                 {2.0 * static_cast<double>(n * out) + 8.0 * static_cast<double>(out), static_cast<double>(n * out)},
                 [&] {
                   Operations& ops = d.operations(tree, {.widest_row = out});
                   const LinearBackwardWeight a{.d_weight = d.matrix(kHalf, out, in),
                                                .d_bias = d.vector(out),
                                                .dy = d.matrix(kHalf, n, out),
                                                .x = d.matrix(kHalf, n, in)};
                   return [&ops, a] { ops.linear_backward_weight(a); };
                 });
}

void count_own_product(Report& report, const PackedTree& tree) {
  const int64_t rows = 129, in = 65, out = 67;  // strides that cuBLASLt has no algorithm for
  const Floor floor{2.0 * static_cast<double>(rows * in + in * out + rows * out),
                    2.0 * static_cast<double>(rows * in * out)};
  Device& d = report.device;
  report.measure("linear_forward", "bfloat16, not aligned", "129 x 65 by 67", floor, [&] {
    Operations& ops = d.operations(tree, {.widest_row = out});
    const LinearForward a{.y = d.matrix(kHalf, rows, out),
                          .x = d.matrix(kHalf, rows, in),
                          .weight = d.matrix(kHalf, out, in),
                          .bias = {},
                          .residual = {}};
    return [&ops, a] { ops.linear_forward(a); };
  });
  report.measure("linear_backward_input", "bfloat16, not aligned", "129 x 67 by 65", floor, [&] {
    Operations& ops = d.operations(tree, {.widest_row = out});
    const LinearBackwardInput a{
        .dx = d.matrix(kHalf, rows, in), .dy = d.matrix(kHalf, rows, out), .weight = d.matrix(kHalf, out, in)};
    return [&ops, a] { ops.linear_backward_input(a); };
  });
}

void linear_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_linear(report, trees.tall, m);
  count_own_product(report, trees.wide);
}

const Registered linear_registered(linear_traffic);

}  // namespace
}  // namespace cheems::traffic
