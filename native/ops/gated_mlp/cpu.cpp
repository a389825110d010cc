#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gated_mlp/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 8;

// An activation and its derivative at the same gate.
struct ValueAndSlope {
  FloatVec value, slope;
};

HWY_INLINE ValueAndSlope silu(FloatVec g) {
  const FloatVec s = sigmoid(g);
  return {hn::Mul(g, s), hn::Mul(s, hn::MulAdd(g, hn::Sub(set(1.0f), s), set(1.0f)))};
}

HWY_INLINE ValueAndSlope gelu_tanh(FloatVec g) {
  const FloatVec c = set(0.7978845608028654f), cubic = set(0.044715f), half = set(0.5f), one = set(1.0f);
  const FloatVec square = hn::Mul(g, g);
  const FloatVec t = tanh(hn::Mul(c, hn::Mul(g, hn::MulAdd(cubic, square, one))));
  const FloatVec inner_slope = hn::Mul(c, hn::MulAdd(hn::Mul(set(3.0f), cubic), square, one));
  const FloatVec rising = hn::Mul(half, hn::Add(one, t));
  return {hn::Mul(g, rising), hn::MulAdd(hn::Mul(hn::Mul(half, g), hn::NegMulAdd(t, t, one)), inner_slope, rising)};
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
        store(hn::Mul(activation(load(gate + i, left)).value, load(up + i, left)), y + i, left);
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
        const ValueAndSlope act = activation(load(gate + i, left));
        const FloatVec u = load(up + i, left), upstream = load(dy + i, left);
        if (y) store(hn::Mul(act.value, u), y + i, left);
        store(hn::Mul(hn::Mul(upstream, u), act.slope), d_gate + i, left);
        store(hn::Mul(upstream, act.value), d_up + i, left);
      }
    }
  });
}

void forward(const GatedMlpForward& a, Context& context) {
  switch (a.activation) {
    case GateActivation::silu: return forward_with(a, context, [](FloatVec g) HWY_ATTR { return silu(g); });
    case GateActivation::gelu_tanh: return forward_with(a, context, [](FloatVec g) HWY_ATTR { return gelu_tanh(g); });
  }
}

void backward(const GatedMlpBackward& a, Context& context) {
  switch (a.activation) {
    case GateActivation::silu: return backward_with(a, context, [](FloatVec g) HWY_ATTR { return silu(g); });
    case GateActivation::gelu_tanh: return backward_with(a, context, [](FloatVec g) HWY_ATTR { return gelu_tanh(g); });
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
