#include "ops/rmsnorm/rmsnorm.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void rmsnorm_bench(Bench& bench, const Case& c) {
  const int64_t n = c.rows(), h = c.hidden_size;
  const double elements = static_cast<double>(n * h), scales = 4 * static_cast<double>(n);
  const Tensor x = bench.tensor(n, h), y = bench.tensor(n, h), dx = bench.tensor(n, h), weight = bench.vector(h),
               d_weight = bench.vector(h), inverse_rms = bench.vector(n);
  bench.add("rmsnorm_forward", shape_of({n, h}), 2 * elements * kElement + scales, 0, [&] {
    bench.ops().rmsnorm_forward({.y = y, .inverse_rms = inverse_rms, .x = x, .weight = weight, .epsilon = 1e-6f});
  });
  bench.add("rmsnorm_apply", shape_of({n, h}), 2 * elements * kElement + scales, 0,
            [&] { bench.ops().rmsnorm_apply({.y = y, .x = x, .inverse_rms = inverse_rms, .weight = weight}); });
  bench.add("rmsnorm_backward", shape_of({n, h}), 4 * elements * kElement + scales, 0, [&] {
    bench.ops().rmsnorm_backward(
        {.dx = dx, .d_weight = d_weight, .dy = y, .x = x, .inverse_rms = inverse_rms, .weight = weight});
  });
  bench.release();
}

const Registered rmsnorm_registered(rmsnorm_bench);

}  // namespace
}  // namespace cheems::bench
