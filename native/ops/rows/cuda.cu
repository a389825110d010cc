// Rows picked out of a matrix and put back, on CUDA. Contract: ops/rows/rows.h.
//
// Fused: nothing; the index is read where the row is.
// Floor, with s the bytes of an element: 2 s per element for gather, 3 s for scatter_add (x and y read, x written), and 4 bytes a row
// for the index. One addition per element of scatter_add, in float32.
// Layout: one block a row; its threads stride over the columns, 16 bytes at a time where both matrices allow it. A few hundred rows a
// micro-batch: rows are distinct, so no two blocks of scatter_add meet.
#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "core/error.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128;

template <class T, int Width>
__global__ __launch_bounds__(kThreads) void gather_kernel(T* y, int64_t y_stride, const T* x, int64_t x_stride, const int32_t* rows, int64_t columns) {
  T* to = y + blockIdx.x * y_stride;
  const T* from = x + rows[blockIdx.x] * x_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    if constexpr (Width == 1) to[i] = from[i];
    else store_vector(to + i, load_vector<Width>(from + i));
  }
}

template <class T, int Width>
__global__ __launch_bounds__(kThreads) void scatter_add_kernel(T* x, int64_t x_stride, const T* y, int64_t y_stride, const int32_t* rows, int64_t columns) {
  T* to = x + rows[blockIdx.x] * x_stride;
  const T* from = y + blockIdx.x * y_stride;
  for (int64_t i = threadIdx.x * Width; i < columns; i += kThreads * Width) {
    if constexpr (Width == 1) {
      to[i] = from_float<T>(to_float(to[i]) + to_float(from[i]));
    } else {
      auto sum = load_vector<Width>(static_cast<const T*>(to + i));
      const auto add = load_vector<Width>(from + i);
      for (int c = 0; c < Width; ++c) sum.values[c] = from_float<T>(to_float(sum.values[c]) + to_float(add.values[c]));
      store_vector(to + i, sum);
    }
  }
}

// Whether every row of both matrices is made of whole aligned 16-byte vectors.
template <class T>
bool vectors_fit(const ConstTensor& a, const ConstTensor& b) {
  const auto fits = [](const ConstTensor& t) {
    return reinterpret_cast<uintptr_t>(t.data) % 16 == 0 && t.stride % kVectorWidth<T> == 0 && t.columns % kVectorWidth<T> == 0;
  };
  return fits(a) && fits(b);
}

template <class T>
void launch_gather(const GatherRows& a, Context& context) {
  const auto kernel = vectors_fit<T>(a.y, a.x) ? gather_kernel<T, kVectorWidth<T>> : gather_kernel<T, 1>;
  launch("gather_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.y.data), a.y.stride,
         static_cast<const T*>(a.x.data), a.x.stride, context.device(a.rows), a.y.columns);
}

template <class T>
void launch_scatter_add(const ScatterAddRows& a, Context& context) {
  const auto kernel = vectors_fit<T>(a.x, a.y) ? scatter_add_kernel<T, kVectorWidth<T>> : scatter_add_kernel<T, 1>;
  launch("scatter_add_rows", kernel, Grid{a.y.rows}, kThreads, 0, context.stream, static_cast<T*>(a.x.data), a.x.stride,
         static_cast<const T*>(a.y.data), a.y.stride, context.device(a.rows), a.y.columns);
}

void check_dtypes(const ConstTensor& x, const ConstTensor& y) {
  if (x.dtype != y.dtype || x.dtype == DType::float16) {
    fail("The CUDA backend moves rows between matrices of one dtype, float32 or bfloat16, not between ", name(x.dtype), " and ", name(y.dtype), ".");
  }
}

}  // namespace

void gather_rows(const GatherRows& a, Context& context) {
  check_dtypes(a.x, a.y);
  if (a.y.rows == 0 || a.y.columns == 0) return;
  if (a.y.dtype == DType::bfloat16) launch_gather<bfloat16>(a, context);
  else launch_gather<float>(a, context);
}

void scatter_add_rows(const ScatterAddRows& a, Context& context) {
  check_dtypes(a.x, a.y);
  if (a.y.rows == 0 || a.y.columns == 0) return;
  if (a.y.dtype == DType::bfloat16) launch_scatter_add<bfloat16>(a, context);
  else launch_scatter_add<float>(a, context);
}

}  // namespace cheems::cuda
