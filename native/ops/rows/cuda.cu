// Gathering rows of a matrix and scattering them back, on CUDA. Contract: ops/rows/rows.h.
//
// Fused: nothing; the index is read with the row.
// Floor, s bytes per element: 2 s per element for gather and scatter, 3 s for scatter_add (x and y read, x written),
// and 4 bytes per row for the index. One addition per element of scatter_add, in float32. Layout: one block per row;
// its threads stride over the columns, 16 bytes at a time if both matrices allow it. A few hundred rows per
// micro-batch; rows are distinct, so no two blocks of scatter_add write the same one.
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/rows/rows.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

template <class T, int Width>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(T* y, int64_t y_stride, const T* x, int64_t x_stride, const int32_t* rows, int64_t columns) {
  T* to = y + blockIdx.x * y_stride;
  const T* from = x + rows[blockIdx.x] * x_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    float values[Width];
    load_floats<Width>(from + i, values);
    store_floats<Width>(to + i, values);
  }
}

template <class T, int Width>
__global__ void __launch_bounds__(kThreads)
    scatter_kernel(T* x, int64_t x_stride, const T* y, int64_t y_stride, const int32_t* rows, int64_t columns) {
  T* to = x + rows[blockIdx.x] * x_stride;
  const T* from = y + blockIdx.x * y_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    float values[Width];
    load_floats<Width>(from + i, values);
    store_floats<Width>(to + i, values);
  }
}

template <class T, int Width>
__global__ void __launch_bounds__(kThreads)
    scatter_add_kernel(T* x, int64_t x_stride, const T* y, int64_t y_stride, const int32_t* rows, int64_t columns) {
  T* to = x + rows[blockIdx.x] * x_stride;
  const T* from = y + blockIdx.x * y_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    float sum[Width], values[Width];
    load_floats<Width>(to + i, sum);
    load_floats<Width>(from + i, values);
#pragma unroll
    for (int c = 0; c < Width; ++c) sum[c] += values[c];
    store_floats<Width>(to + i, sum);
  }
}

}  // namespace

const void* any_kernel() { return reinterpret_cast<const void*>(&gather_kernel<float, 1>); }

void gather_rows(const GatherRows& a, Context& context) {
  require_dtype(a.y, a.x.dtype, "gather_rows: y");
  if (a.y.rows == 0 || a.y.columns == 0) return;
  with_element_type(a.x.dtype, "gather_rows: x", [&]<class T>() {
    constexpr int kWidth = kVectorWidth<T>;
    const auto kernel = vectors_fit(kWidth, a.y, a.x) ? gather_kernel<T, kWidth> : gather_kernel<T, 1>;
    launch("gather_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.y.data), a.y.stride,
           static_cast<const T*>(a.x.data), a.x.stride, context.device(a.rows), a.y.columns);
  });
}

void scatter_rows(const ScatterRows& a, Context& context) {
  require_dtype(a.y, a.x.dtype, "scatter_rows: y");
  if (a.y.rows == 0 || a.y.columns == 0) return;
  with_element_type(a.x.dtype, "scatter_rows: x", [&]<class T>() {
    constexpr int kWidth = kVectorWidth<T>;
    const auto kernel = vectors_fit(kWidth, a.x, a.y) ? scatter_kernel<T, kWidth> : scatter_kernel<T, 1>;
    launch("scatter_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.x.data), a.x.stride,
           static_cast<const T*>(a.y.data), a.y.stride, context.device(a.rows), a.y.columns);
  });
}

void scatter_add_rows(const ScatterAddRows& a, Context& context) {
  require_dtype(a.y, a.x.dtype, "scatter_add_rows: y");
  if (a.y.rows == 0 || a.y.columns == 0) return;
  with_element_type(a.x.dtype, "scatter_add_rows: x", [&]<class T>() {
    constexpr int kWidth = kVectorWidth<T>;
    const auto kernel = vectors_fit(kWidth, a.x, a.y) ? scatter_add_kernel<T, kWidth> : scatter_add_kernel<T, 1>;
    launch("scatter_add_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.x.data),
           a.x.stride, static_cast<const T*>(a.y.data), a.y.stride, context.device(a.rows), a.y.columns);
  });
}

}  // namespace cheems::cuda
