#include "ops/gated_mlp/gated_mlp.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

void gated_mlp_bench(Bench& bench, const Case& c) {
  const int64_t n = c.rows(), i = c.intermediate_size;
  const auto elements = static_cast<double>(n * i);
  const Tensor gate_up = bench.tensor(n, 2 * i), d_gate_up = bench.tensor(n, 2 * i), y = bench.tensor(n, i),
               dy = bench.tensor(n, i);
  bench.add("gated_mlp_forward", shape_of({n, i}), 3 * elements * kElement, 0,
            [&] { bench.ops().gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = GateActivation::silu}); });
  bench.add("gated_mlp_backward", shape_of({n, i}), 6 * elements * kElement, 0, [&] {
    bench.ops().gated_mlp_backward(
        {.d_gate_up = d_gate_up, .y = y, .dy = dy, .gate_up = gate_up, .activation = GateActivation::silu});
  });
  bench.release();
}

const Registered gated_mlp_registered(gated_mlp_bench);

}  // namespace
}  // namespace cheems::bench
