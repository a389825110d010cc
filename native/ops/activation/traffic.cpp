#include "ops/activation/activation.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void activation_traffic(Report& report, const Trees& trees) {
  const int64_t u = static_cast<int64_t>(trees.wide.reward_rows.size()), h = kSmall.hidden;
  const double elements = static_cast<double>(u * h);
  Device& d = report.device;
  report.measure("activation_forward", "float32", size_text(u, h), {8 * elements, 0}, [&] {
    Operations& ops = d.operations(trees.wide, {.widest_row = h});
    const ActivationForward a{.y = d.matrix(kFloat, u, h), .x = d.matrix(kFloat, u, h)};
    return [&ops, a] { ops.activation_forward(a); };
  });
  report.measure("activation_backward", "float32", size_text(u, h), {12 * elements, 0}, [&] {
    Operations& ops = d.operations(trees.wide, {.widest_row = h});
    const ActivationBackward a{.dx = d.matrix(kFloat, u, h), .dy = d.matrix(kFloat, u, h), .y = d.matrix(kFloat, u, h)};
    return [&ops, a] { ops.activation_backward(a); };
  });
}

const Registered activation_registered(activation_traffic);

}  // namespace
}  // namespace cheems::traffic
