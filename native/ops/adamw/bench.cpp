#include "ops/adamw/adamw.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// With both forms of the optimizer's state.
void adamw_bench(Bench& bench, const Case& c) {
  const int64_t rows = c.parameters / 16;
  const auto numbers = static_cast<double>(rows * 16);
  const Tensor parameter = bench.tensor(rows, 16, DType::bfloat16, 0.02f);
  auto* squares = static_cast<double*>(bench.zeros(sizeof(double)));
  for (const DType state : {DType::bfloat16, DType::float32}) {
    const Tensor gradient = bench.tensor(rows, 16, state, 1e-3f), first = bench.tensor(rows, 16, state, 1e-3f),
                 second = bench.tensor(rows, 16, state, 0);
    const Tensor master = state == DType::float32 ? bench.tensor(rows, 16, state, 0.02f) : Tensor{};
    const std::string shape = std::string(name(state)) + " state, " + std::to_string(rows * 16);
    bench.add("adamw_update", shape, numbers * (state == DType::bfloat16 ? 16 : 34), 0, [&] {
      bench.ops().adamw_update({.parameter = parameter,
                                .master = master,
                                .gradient = gradient,
                                .first_moment = first,
                                .second_moment = second,
                                .squares = squares,
                                .max_grad_norm = 1,
                                .step = 10,
                                .learning_rate = 1e-6,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .epsilon = 1e-8,
                                .weight_decay = 0.01,
                                .seed = 1});
    });
  }
  bench.release();
}

const Registered adamw_registered(adamw_bench);

}  // namespace
}  // namespace cheems::bench
