// The activations inside reward heads, on CUDA. Contract: ops/activation/activation.h.
//
// Fused: nothing. Floor: 8 bytes per element. A thread takes 16 bytes of one row, or one element where rows are not
// aligned.
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/activation/activation.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

__device__ __forceinline__ float activated(float x, Activation activation) {
  if (x >= 0) return activation == Activation::selu ? static_cast<float>(kSeluScale) * x : x;
  if (activation == Activation::relu) return x < 0 ? 0.0f : x;  // a NaN stays one
  if (activation == Activation::leaky_relu) return kLeakyReluSlope * x;
  return static_cast<float>(kSeluScale * kSeluAlpha) * expm1f(x);
}

template <int Width>
__global__ void __launch_bounds__(kThreads)
    activation_kernel(float* y, int64_t y_stride, const float* x, int64_t x_stride, int64_t columns, int64_t chunks,
                      Activation activation) {
  const int64_t row = blockIdx.x / chunks, column = (blockIdx.x % chunks * kThreads + threadIdx.x) * Width;
  if (column >= columns) return;
  float values[Width];
  load_floats<Width>(x + row * x_stride + column, values);
#pragma unroll
  for (int i = 0; i < Width; ++i) values[i] = activated(values[i], activation);
  store_floats<Width>(y + row * y_stride + column, values);
}

__device__ __forceinline__ float slope(float y, Activation activation) {
  if (y > 0) return activation == Activation::selu ? static_cast<float>(kSeluScale) : 1.0f;
  if (activation == Activation::relu) return y <= 0 ? 0.0f : 1.0f;
  if (activation == Activation::leaky_relu) return y <= 0 ? kLeakyReluSlope : 1.0f;
  return y + static_cast<float>(kSeluScale * kSeluAlpha);
}

template <int Width>
__global__ void __launch_bounds__(kThreads)
    activation_backward_kernel(float* dx, int64_t dx_stride, const float* dy, int64_t dy_stride, const float* y,
                               int64_t y_stride, int64_t columns, int64_t chunks, Activation activation) {
  const int64_t row = blockIdx.x / chunks, column = (blockIdx.x % chunks * kThreads + threadIdx.x) * Width;
  if (column >= columns) return;
  float values[Width], results[Width];
  load_floats<Width>(dy + row * dy_stride + column, values);
  load_floats<Width>(y + row * y_stride + column, results);
#pragma unroll
  for (int i = 0; i < Width; ++i) values[i] *= slope(results[i], activation);
  store_floats<Width>(dx + row * dx_stride + column, values);
}

template <int Width>
void launch_activation_backward(const ActivationBackward& a, Context& context) {
  const int64_t chunks = divide_up(a.dx.columns, int64_t{kThreads} * Width);
  launch("activation_backward", activation_backward_kernel<Width>, Grid{a.dx.rows * chunks}, kThreads, 0,
         context.stream, static_cast<float*>(a.dx.data), a.dx.stride, static_cast<const float*>(a.dy.data), a.dy.stride,
         static_cast<const float*>(a.y.data), a.y.stride, a.dx.columns, chunks, a.activation);
}

template <int Width>
void launch_activation(const ActivationForward& a, Context& context) {
  const int64_t chunks = divide_up(a.y.columns, int64_t{kThreads} * Width);
  launch("activation_forward", activation_kernel<Width>, Grid{a.y.rows * chunks}, kThreads, 0, context.stream,
         static_cast<float*>(a.y.data), a.y.stride, static_cast<const float*>(a.x.data), a.x.stride, a.y.columns,
         chunks, a.activation);
}

}  // namespace

void activation_forward(const ActivationForward& a, Context& context) {
  require_dtype(a.x, DType::float32, "the activation's input");
  require_dtype(a.y, DType::float32, "the activation's output");
  if (a.y.rows == 0) return;
  if (vectors_fit(kVectorWidth<float>, a.y, a.x)) launch_activation<kVectorWidth<float>>(a, context);
  else launch_activation<1>(a, context);
}

void activation_backward(const ActivationBackward& a, Context& context) {
  for (const ConstTensor& tensor : {ConstTensor(a.dx), a.dy, a.y})
    require_dtype(tensor, DType::float32, "the activation's gradient");
  if (a.dx.rows == 0) return;
  if (vectors_fit(kVectorWidth<float>, a.dx, a.dy, a.y)) launch_activation_backward<kVectorWidth<float>>(a, context);
  else launch_activation_backward<1>(a, context);
}

}  // namespace cheems::cuda
