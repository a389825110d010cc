#include "ops/grad_norm/grad_norm.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void grad_norm_bench(Bench& bench, const Case& c) {
  const int64_t rows = c.parameters / 16;
  const auto numbers = static_cast<double>(rows * 16);
  auto* squares = static_cast<double*>(bench.zeros(sizeof(double)));
  for (const DType state : {DType::bfloat16, DType::float32}) {
    const Tensor gradient = bench.tensor(rows, 16, state, 1e-3f);
    const std::string shape = std::string(name(state)) + " state, " + std::to_string(rows * 16);
    bench.add("sum_of_squares", shape, numbers * static_cast<double>(size_of(state)), 0,
              [&] { bench.ops().sum_of_squares({.sum = squares, .x = gradient}); });
  }
  bench.release();
}

const Registered grad_norm_registered(grad_norm_bench);

}  // namespace
}  // namespace cheems::bench
