#include "ops/gelu/gelu.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void gelu_traffic(Report& report, const Trees& trees) {
  const int64_t n = trees.lone.rows(), i = kSmall.intermediate;
  Device& d = report.device;
  report.measure("gelu_forward", "bfloat16", size_text(n, i), {4 * static_cast<double>(n * i), 0}, [&] {
    Operations& ops = d.operations(trees.lone, {.widest_row = i});
    const GeluForward a{.y = d.matrix(kHalf, n, i), .x = d.matrix(kHalf, n, i)};
    return [&ops, a] { ops.gelu_forward(a); };
  });
}

const Registered gelu_registered(gelu_traffic);

}  // namespace
}  // namespace cheems::traffic
