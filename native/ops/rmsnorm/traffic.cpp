#include "ops/rmsnorm/rmsnorm.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_norms(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), h = m.hidden, elements = n * h;
  Device& d = report.device;
  const double per_row = 4.0 * static_cast<double>(n), size = static_cast<double>(elements);
  const WorkspaceRequest request{.widest_row = h};
  for (const DType out : {kHalf, kFloat}) {
    const double f = static_cast<double>(size_of(out));
    report.measure("rmsnorm_forward", std::string("bfloat16 to ") + name(out), size_text(n, h),
                   {size * (2 + f) + per_row, 4 * size}, [&] {
                     Operations& ops = d.operations(tree, request);
                     const RmsNormForward a{.y = d.matrix(out, n, h),
                                            .inverse_rms = d.vector(n),
                                            .x = d.matrix(kHalf, n, h),
                                            .weight = d.vector(h),
                                            .epsilon = 1e-6f};
                     return [&ops, a] { ops.rmsnorm_forward(a); };
                   });
  }
  report.measure("rmsnorm_forward", "bfloat16, and a residual", size_text(n, h), {size * 6 + per_row, 5 * size}, [&] {
    Operations& ops = d.operations(tree, request);
    const Tensor y = d.matrix(kHalf, n, h);
    const RmsNormForward a{.y = y,
                           .inverse_rms = d.vector(n),
                           .x = d.matrix(kHalf, n, h),
                           .weight = d.vector(h),
                           .epsilon = 1e-6f,
                           .weight_offset = 1,
                           .residual = y};
    return [&ops, a] { ops.rmsnorm_forward(a); };
  });
  report.measure("rmsnorm_apply", "bfloat16", size_text(n, h), {size * 4 + per_row, 2 * size}, [&] {
    Operations& ops = d.operations(tree, request);
    const RmsNormApply a{
        .y = d.matrix(kHalf, n, h), .x = d.matrix(kHalf, n, h), .inverse_rms = d.vector(n), .weight = d.vector(h)};
    return [&ops, a] { ops.rmsnorm_apply(a); };
  });
  for (const DType out : {kHalf, kFloat}) {
    report.measure("rmsnorm_backward", std::string("bfloat16, dy ") + name(out), size_text(n, h),
                   {size * (6 + static_cast<double>(size_of(out))) + per_row, 9 * size}, [&] {
                     Operations& ops = d.operations(tree, request);
                     const RmsNormBackward a{.dx = d.matrix(kHalf, n, h),
                                             .d_weight = d.vector(h),
                                             .dy = d.matrix(out, n, h),
                                             .x = d.matrix(kHalf, n, h),
                                             .inverse_rms = d.vector(n),
                                             .weight = d.vector(h)};
                     return [&ops, a] { ops.rmsnorm_backward(a); };
                   });
  }
}

void rmsnorm_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_norms(report, trees.tall, m);
}

const Registered rmsnorm_registered(rmsnorm_traffic);

}  // namespace
}  // namespace cheems::traffic
