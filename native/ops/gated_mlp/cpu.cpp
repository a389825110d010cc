#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gated_mlp/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/elementary-inl.h"
#include "ops/gated_mlp/gated_mlp.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 8;

// An activation and its derivative at the same gate.
struct ValueAndSlope {
  DoubleVec value, slope;
};

HWY_INLINE ValueAndSlope silu(DoubleVec g) {
  const DoubleVec s = sigmoid(g), one = set_double(1);
  return {hn::Mul(g, s), hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one))};
}

// g / 2 (1 + tanh(u)) = g sigmoid(2u), with u = sqrt(2 / pi) (g + 0.044715 g^3), which keeps the digits of the negative
// tail.
HWY_INLINE ValueAndSlope gelu_tanh(DoubleVec g) {
  const DoubleVec twice = set_double(2 * 0.7978845608028654), cubic = set_double(0.044715), one = set_double(1);
  const DoubleVec square = hn::Mul(g, g);
  const DoubleVec s = sigmoid(hn::Mul(twice, hn::Mul(g, hn::MulAdd(cubic, square, one))));
  const DoubleVec inner_slope = hn::Mul(twice, hn::MulAdd(hn::Mul(set_double(3), cubic), square, one));
  return {hn::Mul(g, s), hn::MulAdd(hn::Mul(hn::Mul(g, s), hn::Sub(one, s)), inner_slope, s)};
}

template <class Function>
void forward_with(const GatedMlpForward& a, Context& context, Function activation) {
  const int64_t width = a.y.columns;
  context.pool.parallel_for((a.y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.y.rows, (task + 1) * kRowsPerTask); ++row) {
      const float* gate = floats(a.gate_up) + row * a.gate_up.stride;
      const float* up = gate + width;
      float* y = floats(a.y) + row * a.y.stride;
      for (int64_t i = 0; i < width; i += kFloatLanes) {
        const int64_t left = width - i;
        const FloatVec value =
            in_double(load(gate + i, left), [&](DoubleVec g) HWY_ATTR { return activation(g).value; });
        store(hn::Mul(value, load(up + i, left)), y + i, left);
      }
    }
  });
}

template <class Function>
void backward_with(const GatedMlpBackward& a, Context& context, Function activation) {
  const int64_t width = a.dy.columns;
  context.pool.parallel_for((a.dy.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.dy.rows, (task + 1) * kRowsPerTask); ++row) {
      const float* gate = floats(a.gate_up) + row * a.gate_up.stride;
      const float* up = gate + width;
      const float* dy = floats(a.dy) + row * a.dy.stride;
      float* d_gate = floats(a.d_gate_up) + row * a.d_gate_up.stride;
      float* d_up = d_gate + width;
      float* y = a.y ? floats(a.y) + row * a.y.stride : nullptr;
      for (int64_t i = 0; i < width; i += kFloatLanes) {
        const int64_t left = width - i;
        Widened value = widen(load(gate + i, left)), slope;
        for (int64_t part = 0; part < kDoubleParts; ++part) {
          const ValueAndSlope both = activation(value.part[part]);
          value.part[part] = both.value, slope.part[part] = both.slope;
        }
        const FloatVec u = load(up + i, left), upstream = load(dy + i, left), act = narrow(value);
        if (y) store(hn::Mul(act, u), y + i, left);
        store(hn::Mul(hn::Mul(upstream, u), narrow(slope)), d_gate + i, left);
        store(hn::Mul(upstream, act), d_up + i, left);
      }
    }
  });
}

void forward(const GatedMlpForward& a, Context& context) {
  switch (a.activation) {
    case GateActivation::silu:
      return forward_with(a, context, [](DoubleVec g) HWY_ATTR { return silu(g); });
    case GateActivation::gelu_tanh:
      return forward_with(a, context, [](DoubleVec g) HWY_ATTR { return gelu_tanh(g); });
  }
}

void backward(const GatedMlpBackward& a, Context& context) {
  switch (a.activation) {
    case GateActivation::silu:
      return backward_with(a, context, [](DoubleVec g) HWY_ATTR { return silu(g); });
    case GateActivation::gelu_tanh:
      return backward_with(a, context, [](DoubleVec g) HWY_ATTR { return gelu_tanh(g); });
  }
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(backward);
void gated_mlp_forward(const GatedMlpForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
void gated_mlp_backward(const GatedMlpBackward& a, Context& context) { HWY_DYNAMIC_DISPATCH(backward)(a, context); }
}  // namespace cheems::cpu
#endif
