#include "ops/gelu/gelu.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void gelu_bench(Bench& bench, const Case& c) {
  const int64_t n = c.rows(), i = c.intermediate_size;
  const Tensor x = bench.tensor(n, i), y = bench.tensor(n, i);
  bench.add("gelu_forward", shape_of({n, i}), 2 * static_cast<double>(n * i) * kElement, 0,
            [&] { bench.ops().gelu_forward({.y = y, .x = x}); });
  bench.release();
}

const Registered gelu_registered(gelu_bench);

}  // namespace
}  // namespace cheems::bench
