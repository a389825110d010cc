#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/gated_mlp/gated_mlp.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

constexpr GateActivation kActivations[] = {GateActivation::silu, GateActivation::gelu_tanh};

void check_gated_mlp(int64_t rows, int64_t columns, GateActivation activation, double gate_size = 2) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(static_cast<int>(activation));
  const auto gate_up = random_floats(rows * 2 * columns, 1, gate_size), dy = random_floats(rows * columns, 2);
  // 1 + tanh u cancels below zero: the terms are as large as the gates, not as what is left of them.
  const double gate = largest(as<double>(gate_up)), upstream_size = largest(as<double>(dy));
  check_operation({.widest_row = 2 * columns, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
    const Tensor in = site.activations(rows, 2 * columns, gate_up), y = site.activations(rows, columns),
                 y_again = site.activations(rows, columns);
    const Tensor d = site.activations(rows, 2 * columns), upstream = site.activations(rows, columns, dy);
    const Tensor in_place = site.activations(rows, 2 * columns, gate_up, 5);
    site->gated_mlp_forward({.y = y, .gate_up = in, .activation = activation});
    site->gated_mlp_backward({.d_gate_up = d, .y = y_again, .dy = upstream, .gate_up = in, .activation = activation});
    site->gated_mlp_backward(
        {.d_gate_up = in_place, .y = {}, .dy = upstream, .gate_up = in_place, .activation = activation});
    CHECK(same_bits(site.values(y_again), site.values(y)));
    CHECK(same_bits(site.values(in_place), site.values(d)));
    return {{"y", site.values(y), kOutputs, gate * gate},
            {"d_gate", site.values(d.column_range(0, columns)), kGradients, upstream_size * gate},
            {"d_up", site.values(d.column_range(columns, columns)), kGradients, upstream_size * gate}};
  });
}

TEST_CASE("gated MLP on the device: both activations, ragged and whole vectors, several chunks, beside and in place") {
  for (const GateActivation activation : kActivations) {
    check_gated_mlp(1, 1, activation);
    check_gated_mlp(7, 5, activation);
    check_gated_mlp(33, 17, activation);
    check_gated_mlp(9, 64, activation);
    check_gated_mlp(5, 1032, activation);  // more than one chunk in every dtype
  }
}

TEST_CASE("gated MLP on the device: large gates") {
  for (const GateActivation activation : kActivations) check_gated_mlp(8, 64, activation, 60);
}

TEST_CASE("gated MLP on the device: a gate far below zero is an exact zero, one far above passes the other half on") {
  for (const GateActivation activation : kActivations) {
    Site site(device_backend(), {}, {}, {});
    const Tensor gate_up = site.activations(2, 2, {-1000, 3, 1000, 3}), y = site.activations(2, 1);
    const Tensor d = site.activations(2, 2), dy = site.activations(2, 1, {1, 1});
    site->gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = activation});
    site->gated_mlp_backward({.d_gate_up = d, .y = {}, .dy = dy, .gate_up = gate_up, .activation = activation});
    CHECK(site.values(y).numbers == std::vector<double>{0, 3000});
    CHECK(site.values(d).numbers == std::vector<double>{0, 0, 3, 1000});
  }
}

TEST_CASE("gated MLP on the device: nothing to do") {
  Site site(device_backend(), {}, {}, {});
  const Tensor y = site.activations(0, 4), gate_up = site.activations(0, 8);
  site->gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = GateActivation::silu});
  site->gated_mlp_backward(
      {.d_gate_up = gate_up, .y = {}, .dy = y, .gate_up = gate_up, .activation = GateActivation::silu});
  CHECK(site.guards_hold());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

TEST_CASE("gated MLP on the device moves no byte beyond its floor") {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    constexpr int64_t kRows = 6, kColumns = 1024;  // whole blocks in both dtypes
    const auto floor = kRows * kColumns * static_cast<int64_t>(size_of(dtype));
    Site site(device_backend(), {}, {dtype, DType::float32}, {dtype, DType::float32}, Placement::aligned);
    const Tensor gate_up = site.activations(kRows, 2 * kColumns, random_floats(kRows * 2 * kColumns, 1)),
                 y = site.activations(kRows, kColumns);
    const Tensor dy = site.activations(kRows, kColumns, random_floats(kRows * kColumns, 2));
    const cuda_on_cpu::TrafficScope traffic;
    site->gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = GateActivation::silu});
    CHECK(traffic.of("gated_mlp_forward").sector_bytes() == 3 * floor);
    site->gated_mlp_backward(
        {.d_gate_up = gate_up, .y = {}, .dy = dy, .gate_up = gate_up, .activation = GateActivation::silu});
    CHECK(traffic.of("gated_mlp_backward").sector_bytes() == 5 * floor);
    site->gated_mlp_backward(
        {.d_gate_up = gate_up, .y = y, .dy = dy, .gate_up = gate_up, .activation = GateActivation::silu});
    CHECK(traffic.of("gated_mlp_backward").sector_bytes() == (5 + 6) * floor);
  }
}

#endif

}  // namespace
}  // namespace cheems
