#include "ops/gated_mlp/gated_mlp.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_gated_mlp(Report& report, const PackedTree& tree, const Model& m, GateActivation activation) {
  const int64_t n = tree.rows(), i = m.intermediate;
  const double size = static_cast<double>(n * i);
  const std::string form = activation == GateActivation::silu ? "bfloat16, SwiGLU" : "bfloat16, GeGLU";
  Device& d = report.device;
  report.measure("gated_mlp_forward", form, size_text(n, i), {6 * size, 20 * size}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = 2 * i});
    const GatedMlpForward a{.y = d.matrix(kHalf, n, i), .gate_up = d.matrix(kHalf, n, 2 * i), .activation = activation};
    return [&ops, a] { ops.gated_mlp_forward(a); };
  });
  for (const bool with_y : {false, true}) {
    report.measure("gated_mlp_backward", form + (with_y ? ", y again" : ""), size_text(n, i),
                   {(with_y ? 12 : 10) * size, 30 * size}, [&] {
                     Operations& ops = d.operations(tree, {.widest_row = 2 * i});
                     const Tensor gate_up = d.matrix(kHalf, n, 2 * i);
                     const GatedMlpBackward a{.d_gate_up = gate_up,
                                              .y = with_y ? d.matrix(kHalf, n, i) : Tensor(),
                                              .dy = d.matrix(kHalf, n, i),
                                              .gate_up = gate_up,
                                              .activation = activation};
                     return [&ops, a] { ops.gated_mlp_backward(a); };
                   });
  }
}

void gated_mlp_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge}) count_gated_mlp(report, trees.lone, m, GateActivation::silu);
  count_gated_mlp(report, trees.wide, {"Gemma 2", 2304, 8, 4, 256, 9216, 4096}, GateActivation::gelu_tanh);
}

const Registered gated_mlp_registered(gated_mlp_traffic);

}  // namespace
}  // namespace cheems::traffic
