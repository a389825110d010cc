#include <cmath>

#include "ops/gated_mlp/gated_mlp.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

template <class Real>
struct Gate {
  Real value, slope;
};

template <class Real>
Gate<Real> activate(GateActivation activation, Real g) {
  if (activation == GateActivation::silu) {
    const Real s = 1 / (1 + std::exp(-g));
    return {g * s, s * (1 + g * (1 - s))};
  }
  const Real c = std::sqrt(Real{2} / static_cast<Real>(M_PI)), t = std::tanh(c * (g + Real{0.044715} * g * g * g));
  return {g / 2 * (1 + t), (1 + t) / 2 + g / 2 * (1 - t * t) * c * (1 + 3 * Real{0.044715} * g * g)};
}

template <class Real>
struct Gated {
  std::vector<Real> y, d_gate_up;
};

// Forward and, for the upstream gradient dy, backward. gate_up is [rows, 2 width].
template <class Real>
Gated<Real> gated(GateActivation activation, int64_t width, const std::vector<Real>& gate_up,
                  const std::vector<Real>& dy) {
  Gated<Real> result{std::vector<Real>(gate_up.size() / 2), std::vector<Real>(gate_up.size())};
  for (size_t i = 0; i < result.y.size(); ++i) {
    const size_t w = static_cast<size_t>(width), at = i / w * 2 * w + i % w;
    const auto gate = activate(activation, gate_up[at]);
    result.y[i] = gate.value * gate_up[at + w];
    result.d_gate_up[at] = dy[i] * gate_up[at + w] * gate.slope;
    result.d_gate_up[at + w] = dy[i] * gate.value;
  }
  return result;
}

TEST_CASE("gated_mlp: the reference's gradient is that of finite differences") {
  for (const auto activation : {GateActivation::silu, GateActivation::gelu_tanh}) {
    const auto gate_up = as<double>(random_floats(3 * 10, 1, 2)), dy = as<double>(random_floats(3 * 5, 2));
    check_gradient("gate and up", gated(activation, 5, gate_up, dy).d_gate_up, gate_up,
                   [&](const auto& at) { return weighed(gated(activation, 5, at, dy).y, dy); });
  }
}

void check_gated(GateActivation activation, int64_t rows, int64_t width, double scale) {
  CAPTURE(static_cast<int>(activation));
  CAPTURE(rows);
  CAPTURE(width);
  CAPTURE(scale);
  const auto gate_up = random_floats(rows * 2 * width, 1, scale), dy = random_floats(rows * width, 2);
  const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
    Matrix in(rows, 2 * width, gate_up), y(rows, width), again(rows, width, {}, 5), upstream(rows, width, dy),
        d(rows, 2 * width, {}, 1), in_place(rows, 2 * width, gate_up);
    cpu->gated_mlp_forward({.y = y.view(), .gate_up = in.view(), .activation = activation});
    cpu->gated_mlp_backward(
        {.d_gate_up = d.view(), .y = {}, .dy = upstream.view(), .gate_up = in.view(), .activation = activation});
    cpu->gated_mlp_backward({.d_gate_up = in_place.view(),
                             .y = again.view(),
                             .dy = upstream.view(),
                             .gate_up = in_place.view(),
                             .activation = activation});
    CHECK(same_bits(y.values(), again.values()));
    CHECK(same_bits(d.values(), in_place.values()));
    CHECK(same_bits(in.values(), gate_up));
    for (const Matrix* matrix : {&in, &y, &again, &upstream, &d, &in_place}) CHECK(matrix->guards_hold());
    return {y.values(), d.values()};
  });
  const auto plain = gated(activation, width, gate_up, dy);
  const auto exact = gated<double>(activation, width, as<double>(gate_up), as<double>(dy));
  check_rounding("y", kOutputs, out[0], plain.y, exact.y);
  check_rounding("dgate and dup", kGradients, out[1], plain.d_gate_up, exact.d_gate_up);
}

TEST_CASE("gated_mlp: both activations, every size, target and thread count, beside and in place") {
  for_each_arithmetic([](const std::string&) {
    for (const auto activation : {GateActivation::silu, GateActivation::gelu_tanh}) {
      check_gated(activation, 1, 1, 1);
      check_gated(activation, 3, 5, 1);
      check_gated(activation, 17, 31, 4);
      check_gated(activation, 33, 65, 1e-3);
      check_gated(activation, 7, 97, 0.1);
    }
  });
}

TEST_CASE("gated_mlp: gates at the ends of float32 saturate, and a NaN shows") {
  for_each_arithmetic([](const std::string&) {
    for (const auto activation : {GateActivation::silu, GateActivation::gelu_tanh}) {
      const std::vector<float> gates = {-1e15f, -1e4f, -200, -90, -20, -1e-30f, 0, 1e-30f, 20, 90, 200, 1e4f, 1e10f};
      const auto width = static_cast<int64_t>(gates.size());
      std::vector<float> gate_up = gates, ones(gates.size(), 1);
      gate_up.insert(gate_up.end(), ones.begin(), ones.end());
      Cpu cpu(1);
      Matrix in(1, 2 * width, gate_up), y(1, width), dy(1, width, ones), d(1, 2 * width);
      cpu->gated_mlp_forward({.y = y.view(), .gate_up = in.view(), .activation = activation});
      cpu->gated_mlp_backward(
          {.d_gate_up = d.view(), .y = {}, .dy = dy.view(), .gate_up = in.view(), .activation = activation});
      const auto out = y.values(), slopes = d.values();
      for (size_t i = 0; i < gates.size(); ++i) {
        CAPTURE(gates[i]);
        CHECK(out[i] == doctest::Approx(gates[i] > 0 ? static_cast<double>(gates[i]) * (gates[i] < 1 ? 0.5 : 1)
                                                     : (gates[i] > -1 ? gates[i] * 0.5 : 0))
                            .epsilon(1e-6));
        if (std::abs(gates[i]) > 19) CHECK(slopes[i] == doctest::Approx(gates[i] > 0 ? 1 : 0).epsilon(1e-6));
      }
      Matrix broken(1, 2, {NAN, 1}), shown(1, 1);
      cpu->gated_mlp_forward({.y = shown.view(), .gate_up = broken.view(), .activation = activation});
      CHECK(std::isnan(shown.values()[0]));
    }
  });
}

}  // namespace
}  // namespace cheems
