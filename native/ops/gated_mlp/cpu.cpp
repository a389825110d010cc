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

// An activation and its derivative at the same gate, in vectors of float64, or of float32 where that is enough.
template <class Vec>
struct ValueAndSlope {
  Vec value, slope;
};
HWY_INLINE DoubleVec constant(Doubles, double x) { return set_double(x); }
HWY_INLINE FloatVec constant(Floats, double x) { return set(static_cast<float>(x)); }
template <class D, class Vec = hn::Vec<D>>
HWY_INLINE ValueAndSlope<Vec> silu(D d, Vec g) {
  const Vec s = sigmoid(g), one = constant(d, 1);
  return {hn::Mul(g, s), hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one))};
}

// g / 2 (1 + tanh(u)) = g sigmoid(2u), with u = sqrt(2 / pi) (g + 0.044715 g^3): so the negative tail keeps its digits.
template <class D, class Vec = hn::Vec<D>>
HWY_INLINE ValueAndSlope<Vec> gelu_tanh(D d, Vec g) {
  const Vec twice = constant(d, 2 * 0.7978845608028654), cubic = constant(d, 0.044715), one = constant(d, 1);
  const Vec square = hn::Mul(g, g);
  const Vec s = sigmoid(hn::Mul(twice, hn::Mul(g, hn::MulAdd(cubic, square, one))));
  const Vec inner_slope = hn::Mul(twice, hn::MulAdd(hn::Mul(constant(d, 3), cubic), square, one));
  return {hn::Mul(g, s), hn::MulAdd(hn::Mul(hn::Mul(g, s), hn::Sub(one, s)), inner_slope, s)};
}

// The value and the slope, as exact as float32 allows, or in float32 arithmetic.
template <bool Exact, class Function>
HWY_INLINE ValueAndSlope<FloatVec> evaluate(FloatVec gate, Function activation) {
  if constexpr (Exact) {
    Widened value = widen(gate), slope;
    for (int64_t part = 0; part < kDoubleParts; ++part) {
      const auto both = activation(Doubles(), value.part[part]);
      value.part[part] = both.value, slope.part[part] = both.slope;
    }
    return {narrow(value), narrow(slope)};
  } else {
    return activation(Floats(), gate);
  }
}

template <bool Exact, class Function>
void forward_with(const GatedMlpForward& a, Context& context, Function activation) {
  const int64_t width = a.y.columns;
  context.pool.parallel_for((a.y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.y.rows, (task + 1) * kRowsPerTask); ++row) {
      const float* gate = floats(a.gate_up) + row * a.gate_up.stride;
      const float* up = gate + width;
      float* y = floats(a.y) + row * a.y.stride;
      for (int64_t i = 0; i < width; i += kFloatLanes) {
        const int64_t left = width - i;
        const FloatVec value = evaluate<Exact>(load(gate + i, left), activation).value;
        store(hn::Mul(value, load(up + i, left)), y + i, left);
      }
    }
  });
}

template <bool Exact, class Function>
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
        const auto [act, slope] = evaluate<Exact>(load(gate + i, left), activation);
        const FloatVec u = load(up + i, left), upstream = load(dy + i, left);
        if (y) store(hn::Mul(act, u), y + i, left);
        store(hn::Mul(hn::Mul(upstream, u), slope), d_gate + i, left);
        store(hn::Mul(upstream, act), d_up + i, left);
      }
    }
  });
}

// Calls run(exact, activation): products in bfloat16 need no more than float32 beside them.
template <class Run>
void choose(GateActivation activation, const Context& context, Run run) {
  const auto by_precision = [&](auto function) {
    if (context.precision == DType::float32) run(std::true_type(), function);
    else run(std::false_type(), function);
  };
  switch (activation) {
    case GateActivation::silu:
      return by_precision([](auto d, auto g) HWY_ATTR { return silu(d, g); });
    case GateActivation::gelu_tanh:
      return by_precision([](auto d, auto g) HWY_ATTR { return gelu_tanh(d, g); });
  }
}

void forward(const GatedMlpForward& a, Context& context) {
  choose(a.activation, context,
         [&](auto exact, auto function) { forward_with<decltype(exact)::value>(a, context, function); });
}

void backward(const GatedMlpBackward& a, Context& context) {
  choose(a.activation, context,
         [&](auto exact, auto function) { backward_with<decltype(exact)::value>(a, context, function); });
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
