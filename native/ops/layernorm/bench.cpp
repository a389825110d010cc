#include "ops/layernorm/layernorm.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void layernorm_bench(Bench& bench, const Case& c) {
  const int64_t n = c.rows(), h = c.hidden_size;
  const Tensor x = bench.tensor(n, h), y = bench.tensor(n, h), weight = bench.vector(h), bias = bench.vector(h);
  const double bytes = 2 * static_cast<double>(n * h) * kElement + 8 * static_cast<double>(h);
  bench.add("layernorm_forward", shape_of({n, h}), bytes, 0,
            [&] { bench.ops().layernorm_forward({.y = y, .x = x, .weight = weight, .bias = bias, .epsilon = 1e-7f}); });
  bench.release();
}

const Registered layernorm_registered(layernorm_bench);

}  // namespace
}  // namespace cheems::bench
