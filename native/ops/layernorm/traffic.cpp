#include "ops/layernorm/layernorm.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void layernorm_traffic(Report& report, const Trees& trees) {
  Device& d = report.device;
  for (const Model& m : {kSmall, kLarge}) {
    const int64_t n = trees.tall.rows(), h = m.hidden;
    const double bytes = 4 * static_cast<double>(n * h) + 8 * static_cast<double>(h);
    report.measure("layernorm_forward", "bfloat16", size_text(n, h), {bytes, 0}, [&] {
      Operations& ops = d.operations(trees.tall, {.widest_row = h});
      const LayerNormForward a{.y = d.matrix(kHalf, n, h),
                               .x = d.matrix(kHalf, n, h),
                               .weight = d.vector(h),
                               .bias = d.vector(h),
                               .epsilon = 1e-7f};
      return [&ops, a] { ops.layernorm_forward(a); };
    });
  }
}

const Registered layernorm_registered(layernorm_traffic);

}  // namespace
}  // namespace cheems::traffic
