#include "ops/adamw/adamw.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void count_adamw(Report& report, const PackedTree& tree, int64_t rows, int64_t columns) {
  const double size = static_cast<double>(rows * columns);
  Device& d = report.device;
  struct Form {
    const char* name;
    DType parameter, gradient, state;
    double bytes;  // adamw/cuda.cu
  };
  for (const Form& f : {Form{"float32", kFloat, kFloat, kFloat, 32},
                        Form{"bfloat16 with float32 master and state, gradient bfloat16", kHalf, kHalf, kFloat, 30},
                        Form{"bfloat16 with float32 master and state, gradient float32", kHalf, kFloat, kFloat, 34},
                        Form{"bfloat16 state, gradient bfloat16", kHalf, kHalf, kHalf, 16},
                        Form{"bfloat16 state, gradient float32", kHalf, kFloat, kHalf, 20}}) {
    report.measure("adamw_update", f.name, size_text(rows, columns), {f.bytes * size, 15 * size}, [&] {
      Operations& ops = d.operations(tree, {.widest_row = columns});
      const bool master = f.parameter == kHalf && f.state == kFloat;
      const AdamWUpdate a{.parameter = d.matrix(f.parameter, rows, columns),
                          .master = master ? d.matrix(kFloat, rows, columns) : Tensor(),
                          .gradient = d.matrix(f.gradient, rows, columns),
                          .first_moment = d.matrix(f.state, rows, columns),
                          .second_moment = d.matrix(f.state, rows, columns),
                          .squares = static_cast<const double*>(d.raw(8)),
                          .max_grad_norm = 1,
                          .step = 1,
                          .learning_rate = 1e-5,
                          .beta1 = 0.9,
                          .beta2 = 0.95,
                          .epsilon = 1e-8,
                          .weight_decay = 0.1,
                          .seed = 1};
      return [&ops, a] { ops.adamw_update(a); };
    });
  }
}

void adamw_traffic(Report& report, const Trees& trees) {
  for (const Model& m : {kSmall, kLarge})
    count_adamw(report, trees.wide, m.hidden == kSmall.hidden ? 256 : 64, m.hidden);
}

const Registered adamw_registered(adamw_traffic);

}  // namespace
}  // namespace cheems::traffic
