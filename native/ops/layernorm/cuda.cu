// LayerNorm on CUDA, forward. Contract: ops/layernorm/layernorm.h.
//
// Fused: mean, variance and y in one pass over x. (The residual addition before it is the epilogue of the matrix
// product: ops/linear.) Floor, e bytes per element of x, f of y: N*H*(e + f) + 8*H bytes, about 7 FLOPs per element.
//
// One block per row. Each thread keeps up to eight vectors of the row in registers, so that the variance is that of
// distances from the mean, not a difference of squares, without a second read. The number of vectors depends on the
// width of the row, never on the number of rows: a row's bits do not depend on the batch. Wider or unaligned rows take
// the plain kernel, which reads x three times, twice from the cache.
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/layernorm/layernorm.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

struct LayerNormShared {
  float partials[kThreads / kWarpThreads];
};

template <class X, class Y>
struct Arguments {
  Y* y;
  const X* x;
  const float *weight, *bias;
  int64_t y_stride, x_stride;
  int32_t columns;
  float epsilon;
};

template <class X, class Y, int Vectors>
__global__ void __launch_bounds__(kThreads) layernorm_kernel(Arguments<X, Y> a) {
  constexpr int kWidth = kCommonWidth<X, Y>, kStep = kThreads * kWidth;
  auto& shared = shared_memory<LayerNormShared>();
  const int first_column = static_cast<int>(threadIdx.x) * kWidth;
  const X* from = a.x + blockIdx.x * a.x_stride;
  float x[Vectors][kWidth], sum = 0;
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    const int column = first_column + v * kStep;
    if (column >= a.columns) break;
    load_floats(from + column, x[v]);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum += x[v][i];
  }
  const float mean = block_sum<kThreads>(sum, shared.partials) / static_cast<float>(a.columns);
  float squares = 0;
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    if (first_column + v * kStep >= a.columns) break;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) squares += (x[v][i] - mean) * (x[v][i] - mean);
  }
  const float factor =
      1.0f / sqrtf(block_sum<kThreads>(squares, shared.partials) / static_cast<float>(a.columns) + a.epsilon);
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    const int column = first_column + v * kStep;
    if (column >= a.columns) break;
    float weight[kWidth], bias[kWidth];
    load_floats(a.weight + column, weight);
    load_floats(a.bias + column, bias);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[v][i] = (x[v][i] - mean) * factor * weight[i] + bias[i];
    store_floats(a.y + blockIdx.x * a.y_stride + column, x[v]);
  }
}

template <class X, class Y>
__global__ void __launch_bounds__(kThreads) layernorm_plain_kernel(Arguments<X, Y> a) {
  auto& shared = shared_memory<LayerNormShared>();
  const X* x = a.x + blockIdx.x * a.x_stride;
  Y* y = a.y + blockIdx.x * a.y_stride;
  float sum = 0, squares = 0;
  for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kThreads) sum += to_float(x[column]);
  const float mean = block_sum<kThreads>(sum, shared.partials) / static_cast<float>(a.columns);
  for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kThreads)
    squares += (to_float(x[column]) - mean) * (to_float(x[column]) - mean);
  const float factor =
      1.0f / sqrtf(block_sum<kThreads>(squares, shared.partials) / static_cast<float>(a.columns) + a.epsilon);
  for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kThreads) {
    y[column] = from_float<Y>((to_float(x[column]) - mean) * factor * a.weight[column] + a.bias[column]);
  }
}

template <class X, class Y>
void forward_of(const LayerNormForward& a, Context& context) {
  constexpr int kWidth = kCommonWidth<X, Y>;
  const Arguments<X, Y> arguments{static_cast<Y*>(a.y.data),
                                  static_cast<const X*>(a.x.data),
                                  floats(a.weight),
                                  floats(a.bias),
                                  a.y.stride,
                                  a.x.stride,
                                  static_cast<int32_t>(a.x.columns),
                                  a.epsilon};
  const auto start = [&](auto kernel) {
    launch("layernorm_forward", kernel, Grid{a.x.rows}, kThreads, sizeof(LayerNormShared), context.stream, arguments);
  };
  const int64_t vectors = divide_up(a.x.columns, int64_t{kThreads} * kWidth);
  if (!vectors_fit(kWidth, a.y, a.x) || !vectors_fit(4, a.weight, a.bias) || vectors > 8)
    return start(layernorm_plain_kernel<X, Y>);
  if (vectors <= 1) start(layernorm_kernel<X, Y, 1>);
  else if (vectors <= 2) start(layernorm_kernel<X, Y, 2>);
  else if (vectors <= 4) start(layernorm_kernel<X, Y, 4>);
  else start(layernorm_kernel<X, Y, 8>);
}

}  // namespace

void layernorm_forward(const LayerNormForward& a, Context& context) {
  if (a.x.rows == 0) return;
  with_element_type(a.x.dtype, "The layer norm's input", [&]<class X>() {
    if (a.y.dtype == DType::float32) return forward_of<X, float>(a, context);
    require_dtype(a.y, a.x.dtype, "The layer norm's output");
    forward_of<X, X>(a, context);
  });
}

}  // namespace cheems::cuda
