// GELU in its exact form on CUDA. Contract: ops/gelu/gelu.h.
//
// Fused: nothing (the bias before it is the matrix product's epilogue). Floor, e bytes per element: 2*e, and about 30
// FLOPs. x Phi(x) is computed with erfc, which keeps its digits in the negative tail. A thread takes 16 bytes of one
// row, beside those of its neighbors; one element if rows are not aligned.
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/gelu/gelu.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

template <class T, int Width>
__global__ void __launch_bounds__(kThreads)
    gelu_kernel(T* y, int64_t y_stride, const T* x, int64_t x_stride, int64_t columns, int64_t chunks) {
  const int64_t row = blockIdx.x / chunks, column = (blockIdx.x % chunks * kThreads + threadIdx.x) * Width;
  if (column >= columns) return;
  float values[Width];
  load_floats<Width>(x + row * x_stride + column, values);
#pragma unroll
  for (int i = 0; i < Width; ++i) values[i] = 0.5f * values[i] * erfcf(values[i] * -0.70710678118654752f);
  store_floats<Width>(y + row * y_stride + column, values);
}

template <class T, int Width>
void launch_gelu(const GeluForward& a, Context& context) {
  const int64_t chunks = divide_up(a.y.columns, int64_t{kThreads} * Width);
  launch("gelu_forward", gelu_kernel<T, Width>, Grid{a.y.rows * chunks}, kThreads, 0, context.stream,
         static_cast<T*>(a.y.data), a.y.stride, static_cast<const T*>(a.x.data), a.x.stride, a.y.columns, chunks);
}

}  // namespace

void gelu_forward(const GeluForward& a, Context& context) {
  if (a.y.rows == 0) return;
  require_dtype(a.x, a.y.dtype, "GELU's input");
  with_element_type(a.y.dtype, "GELU's output", [&]<class T>() {
    if (vectors_fit(kVectorWidth<T>, a.y, a.x)) launch_gelu<T, kVectorWidth<T>>(a, context);
    else launch_gelu<T, 1>(a, context);
  });
}

}  // namespace cheems::cuda
