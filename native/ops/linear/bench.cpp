#include "ops/linear/linear.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

struct BenchLayer {
  const char* name;
  int64_t in, out;
  bool bias, residual;
};

void linear_bench(Bench& bench, const Case& c) {
  const int64_t n = c.rows(), h = c.hidden_size;
  for (const BenchLayer& layer :
       {BenchLayer{"qkv", h, c.qkv_size(), true, false}, BenchLayer{"output", c.query_size(), h, false, true},
        BenchLayer{"gate_up", h, 2 * c.intermediate_size, false, false},
        BenchLayer{"down", c.intermediate_size, h, false, true}}) {
    const auto inputs = static_cast<double>(n * layer.in), outputs = static_cast<double>(n * layer.out),
               weights = static_cast<double>(layer.in * layer.out);
    const double flops = 2 * inputs * static_cast<double>(layer.out);
    const std::string shape = std::string(layer.name) + ", " + shape_of({n, layer.in, layer.out});
    const Tensor x = bench.tensor(n, layer.in), weight = bench.tensor(layer.out, layer.in, DType::bfloat16, 0.02f),
                 y = bench.tensor(n, layer.out), gradient = bench.tensor(layer.out, layer.in);
    const Tensor bias = layer.bias ? bench.vector(layer.out) : Tensor{},
                 d_bias = layer.bias ? bench.vector(layer.out) : Tensor{},
                 residual = layer.residual ? bench.tensor(n, layer.out) : Tensor{};
    bench.add("linear_forward", shape, (inputs + weights + outputs * (layer.residual ? 2 : 1)) * kElement, flops, [&] {
      bench.ops().linear_forward({.y = y, .x = x, .weight = weight, .bias = bias, .residual = residual});
    });
    bench.add("linear_backward_input", shape, (inputs + weights + outputs) * kElement, flops,
              [&] { bench.ops().linear_backward_input({.dx = x, .dy = y, .weight = weight}); });
    bench.add("linear_backward_weight", shape, (inputs + 2 * weights + outputs) * kElement, flops,
              [&] { bench.ops().linear_backward_weight({.d_weight = gradient, .d_bias = d_bias, .dy = y, .x = x}); });
    bench.release();
  }
}

const Registered linear_registered(linear_bench);

}  // namespace
}  // namespace cheems::bench
