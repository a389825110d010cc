// The experts' token rows on CUDA. Contract: ops/expert_rows/expert_rows.h.
//
// Fused: in combine the weights, the sum over the choices and the residual; one pass each. Floor, with e bytes per
// element: 2 e per element gathered, (k + 2) e per element combined, and 4 bytes per row for each index and weight.
// Layout: one block per row of the result; its threads stride over the columns, 16 bytes at a time if all matrices
// allow it. The choices are added in their order, in float32; no two blocks write one row.
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/expert_rows/expert_rows.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

template <class T, int Width>
__global__ void __launch_bounds__(kThreads)
    gather_expert_rows_kernel(T* y, int64_t y_stride, const T* x, int64_t x_stride, const int32_t* rows,
                              int64_t columns) {
  T* to = y + blockIdx.x * y_stride;
  const T* from = x + rows[blockIdx.x] * x_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    float values[Width];
    load_floats<Width>(from + i, values);
    store_floats<Width>(to + i, values);
  }
}

template <class T>
struct CombineArguments {
  T* y;
  const T* x;
  const float* weights;
  const int32_t* places;
  const T* residual;
  int64_t y_stride, x_stride, weights_stride, residual_stride, columns;
  int32_t k;
};

template <class T, int Width>
__global__ void __launch_bounds__(kThreads) combine_expert_rows_kernel(CombineArguments<T> a) {
  const int64_t row = blockIdx.x;
  const float* weights = a.weights + row * a.weights_stride;
  const int32_t* places = a.places + row * a.k;
  for (int64_t i = threadIdx.x * Width; i < a.columns; i += kThreads * Width) {
    float sum[Width] = {}, values[Width];
    for (int32_t c = 0; c < a.k; ++c) {
      const float weight = weights[c];
      load_floats<Width>(a.x + places[c] * a.x_stride + i, values);
#pragma unroll
      for (int j = 0; j < Width; ++j) sum[j] = fmaf(weight, values[j], sum[j]);
    }
    load_floats<Width>(a.residual + row * a.residual_stride + i, values);
#pragma unroll
    for (int j = 0; j < Width; ++j) sum[j] += values[j];
    store_floats<Width>(a.y + row * a.y_stride + i, sum);
  }
}

}  // namespace

void gather_expert_rows(const GatherExpertRows& a, Context& context) {
  require_dtype(a.y, a.x.dtype, "gather_expert_rows: y");
  if (a.y.rows == 0 || a.y.columns == 0) return;
  with_element_type(a.x.dtype, "gather_expert_rows: x", [&]<class T>() {
    constexpr int kWidth = kVectorWidth<T>;
    const auto kernel =
        vectors_fit(kWidth, a.y, a.x) ? gather_expert_rows_kernel<T, kWidth> : gather_expert_rows_kernel<T, 1>;
    launch("gather_expert_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.y.data),
           a.y.stride, static_cast<const T*>(a.x.data), a.x.stride, a.rows, a.y.columns);
  });
}

void combine_expert_rows(const CombineExpertRows& a, Context& context) {
  require_dtype(a.y, a.x.dtype, "combine_expert_rows: y");
  require_dtype(a.residual, a.x.dtype, "combine_expert_rows: residual");
  require_dtype(a.weights, DType::float32, "combine_expert_rows: weights");
  if (a.y.rows == 0 || a.y.columns == 0) return;
  with_element_type(a.x.dtype, "combine_expert_rows: x", [&]<class T>() {
    constexpr int kWidth = kVectorWidth<T>;
    const auto kernel = vectors_fit(kWidth, a.y, a.x, a.residual) ? combine_expert_rows_kernel<T, kWidth>
                                                                  : combine_expert_rows_kernel<T, 1>;
    const CombineArguments<T> arguments{static_cast<T*>(a.y.data),
                                        static_cast<const T*>(a.x.data),
                                        floats(a.weights),
                                        a.places,
                                        static_cast<const T*>(a.residual.data),
                                        a.y.stride,
                                        a.x.stride,
                                        a.weights.stride,
                                        a.residual.stride,
                                        a.y.columns,
                                        static_cast<int32_t>(a.weights.columns)};
    launch("combine_expert_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, arguments);
  });
}

}  // namespace cheems::cuda
