#include "ops/activation/activation.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// In a head of several layers, on the reward rows alone.
void activation_bench(Bench& bench, const Case& c) {
  const int64_t h = c.hidden_size, u = static_cast<int64_t>(c.tree->reward_rows.size());
  const auto elements = static_cast<double>(u * h);
  const Tensor x = bench.tensor(u, h, DType::float32), y = bench.tensor(u, h, DType::float32);
  bench.add("activation_forward", shape_of({u, h}), 8 * elements, 0,
            [&] { bench.ops().activation_forward({.y = y, .x = x, .activation = Activation::selu}); });
  bench.add("activation_backward", shape_of({u, h}), 12 * elements, 0,
            [&] { bench.ops().activation_backward({.dx = x, .dy = x, .y = y, .activation = Activation::selu}); });
  bench.release();
}

const Registered activation_registered(activation_bench);

}  // namespace
}  // namespace cheems::bench
