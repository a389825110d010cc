// The gated activation on CUDA: y = act(gate) * up, forward and backward.
//
// Fused: both halves' gradients and, if the forward's y was not kept, y again, in one pass over gate and up. The
// gradient may overwrite gate_up, since a thread writes only what it alone has read. Floor, e bytes per element of [N,
// I]: forward 3e, backward 5e, 6e with y; about 20 and 30 FLOPs per element.
//
// Both activations are g * sigmoid(z), z = g for silu and z = 2u for gelu_tanh, since (1 + tanh u)/2 = sigmoid(2u):
//   act'(g) = s (1 + g (1 - s) z'),   s = sigmoid(z)
// which needs one exponential and no hyperbolic tangent, and keeps its relative precision in the negative tail. The
// exponential is the full one in float32 and the special function unit's (2 units in the last place of float32) in
// bfloat16.
//
// A thread takes 16 bytes of gate and of up in two to four rows at once; a warp's accesses are consecutive. Blocks are
// in the order of the rows, the chunks of a group of rows one after another.
#include <type_traits>

#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/gated_mlp/gated_mlp.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kForwardRows = 4, kBackwardRows = 2;  // rows in flight

struct ValueAndSlope {
  float value, slope;
};

// The slope costs nothing if it is not used.
template <class A, GateActivation Activation>
__device__ __forceinline__ ValueAndSlope activate(float g) {
  float z = g, z_slope = 1;
  if constexpr (Activation == GateActivation::gelu_tanh) {
    constexpr float kTwice = 2 * 0.7978845608028654f, kCubic = 0.044715f;
    const float square = g * g;
    z = kTwice * (g * (kCubic * square + 1.0f));
    z_slope = kTwice * (3 * kCubic * square + 1.0f);
  }
  const float e = std::is_same_v<A, float> ? expf(-z) : fast_exp(-z);
  const float s = 1.0f / (1.0f + e);
  return {g * s, s * (1.0f + g * (1.0f - s) * z_slope)};
}

template <class A>
struct ForwardArguments {
  A* y;
  const A* gate_up;
  int64_t y_stride, gate_up_stride, rows, columns;
  uint32_t chunks;  // of columns
};

template <class A, GateActivation Activation, int Width>
__global__ void __launch_bounds__(kThreads) gated_mlp_forward_kernel(ForwardArguments<A> a) {
  const int64_t first = static_cast<int64_t>(blockIdx.x / a.chunks) * kForwardRows;
  const int64_t column = (static_cast<int64_t>(blockIdx.x % a.chunks) * kThreads + threadIdx.x) * Width;
  if (column >= a.columns) return;
  Elements<A, Width> gates[kForwardRows], ups[kForwardRows];
#pragma unroll
  for (int r = 0; r < kForwardRows; ++r) {
    if (first + r >= a.rows) break;
    const A* gate = a.gate_up + (first + r) * a.gate_up_stride + column;
    gates[r] = load_elements<Width>(gate);
    ups[r] = load_elements<Width>(gate + a.columns);
  }
#pragma unroll
  for (int r = 0; r < kForwardRows; ++r) {
    if (first + r >= a.rows) break;
    float y[Width];
#pragma unroll
    for (int i = 0; i < Width; ++i)
      y[i] = activate<A, Activation>(to_float(gates[r].values[i])).value * to_float(ups[r].values[i]);
    store_floats(a.y + (first + r) * a.y_stride + column, y);
  }
}

template <class A>
struct BackwardArguments {
  A* d_gate_up;
  A* y;  // or null
  const A* dy;
  const A* gate_up;
  int64_t d_stride, y_stride, dy_stride, gate_up_stride, rows, columns;
  uint32_t chunks;
};

template <class A, GateActivation Activation, int Width>
__global__ void __launch_bounds__(kThreads) gated_mlp_backward_kernel(BackwardArguments<A> a) {
  const int64_t first = static_cast<int64_t>(blockIdx.x / a.chunks) * kBackwardRows;
  const int64_t column = (static_cast<int64_t>(blockIdx.x % a.chunks) * kThreads + threadIdx.x) * Width;
  if (column >= a.columns) return;
  Elements<A, Width> gates[kBackwardRows], ups[kBackwardRows], upstreams[kBackwardRows];
#pragma unroll
  for (int r = 0; r < kBackwardRows; ++r) {
    if (first + r >= a.rows) break;
    const A* gate = a.gate_up + (first + r) * a.gate_up_stride + column;
    gates[r] = load_elements<Width>(gate);
    ups[r] = load_elements<Width>(gate + a.columns);
    upstreams[r] = load_elements<Width>(a.dy + (first + r) * a.dy_stride + column);
  }
#pragma unroll
  for (int r = 0; r < kBackwardRows; ++r) {
    if (first + r >= a.rows) break;
    float y[Width], d_gate[Width], d_up[Width];
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      const ValueAndSlope act = activate<A, Activation>(to_float(gates[r].values[i]));
      const float up = to_float(ups[r].values[i]), dy = to_float(upstreams[r].values[i]);
      y[i] = act.value * up;
      d_gate[i] = dy * up * act.slope;
      d_up[i] = dy * act.value;
    }
    A* d = a.d_gate_up + (first + r) * a.d_stride + column;
    store_floats(d, d_gate);
    store_floats(d + a.columns, d_up);
    if (a.y) store_floats(a.y + (first + r) * a.y_stride + column, y);
  }
}

// Launchers

int64_t chunks_of(int64_t columns, int width) { return divide_up(columns, kThreads * width); }

template <class A, GateActivation Activation, int Width>
void launch_forward(const GatedMlpForward& a, Context& context) {
  const int64_t chunks = chunks_of(a.y.columns, Width);
  const ForwardArguments<A> arguments{static_cast<A*>(a.y.data),
                                      static_cast<const A*>(a.gate_up.data),
                                      a.y.stride,
                                      a.gate_up.stride,
                                      a.y.rows,
                                      a.y.columns,
                                      static_cast<uint32_t>(chunks)};
  const Grid grid{divide_up(a.y.rows, kForwardRows) * chunks};
  launch("gated_mlp_forward", gated_mlp_forward_kernel<A, Activation, Width>, grid, kThreads, 0, context.stream,
         arguments);
}

template <class A, GateActivation Activation, int Width>
void launch_backward(const GatedMlpBackward& a, Context& context) {
  const int64_t chunks = chunks_of(a.dy.columns, Width);
  const BackwardArguments<A> arguments{static_cast<A*>(a.d_gate_up.data),
                                       static_cast<A*>(a.y.data),
                                       static_cast<const A*>(a.dy.data),
                                       static_cast<const A*>(a.gate_up.data),
                                       a.d_gate_up.stride,
                                       a.y.stride,
                                       a.dy.stride,
                                       a.gate_up.stride,
                                       a.dy.rows,
                                       a.dy.columns,
                                       static_cast<uint32_t>(chunks)};
  const Grid grid{divide_up(a.dy.rows, kBackwardRows) * chunks};
  launch("gated_mlp_backward", gated_mlp_backward_kernel<A, Activation, Width>, grid, kThreads, 0, context.stream,
         arguments);
}

// Calls function<A, Activation>() with what a tensor's dtype and an activation's name say.
template <class Function>
void with_kernel_types(DType dtype, GateActivation activation, Function function) {
  with_element_type(dtype, "The gated MLP's matrix", [&]<class A>() {
    switch (activation) {
      case GateActivation::silu:
        return function.template operator()<A, GateActivation::silu>();
      case GateActivation::gelu_tanh:
        return function.template operator()<A, GateActivation::gelu_tanh>();
    }
  });
}

}  // namespace

void gated_mlp_forward(const GatedMlpForward& a, Context& context) {
  if (a.y.rows == 0) return;
  require_dtype(a.y, a.gate_up.dtype, "The gated MLP's output");
  with_kernel_types(a.y.dtype, a.activation, [&]<class A, GateActivation Activation>() {
    if (vectors_fit(kVectorWidth<A>, a.y, a.gate_up)) {
      launch_forward<A, Activation, kVectorWidth<A>>(a, context);
    } else {
      launch_forward<A, Activation, 1>(a, context);
    }
  });
}

void gated_mlp_backward(const GatedMlpBackward& a, Context& context) {
  if (a.dy.rows == 0) return;
  require_dtype(a.gate_up, a.dy.dtype, "The gated MLP's gate and up");
  require_dtype(a.d_gate_up, a.dy.dtype, "The gradient of the gated MLP's gate and up");
  if (a.y) require_dtype(a.y, a.dy.dtype, "The gated MLP's output, computed again,");
  with_kernel_types(a.dy.dtype, a.activation, [&]<class A, GateActivation Activation>() {
    if (vectors_fit(kVectorWidth<A>, a.d_gate_up, a.y, a.dy, a.gate_up)) {
      launch_backward<A, Activation, kVectorWidth<A>>(a, context);
    } else {
      launch_backward<A, Activation, 1>(a, context);
    }
  });
}

}  // namespace cheems::cuda
