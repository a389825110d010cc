// Access to rows in vectors of 16 bytes if the layout allows it, element by element if not: both from one kernel
// source. Kernels are templates of the elements per access; the launcher asks vectors_fit which one it may use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "backends/cuda/device.cuh"
#include "core/error.h"
#include "core/tensor.h"

namespace cheems::cuda {

// The elements of a 16-byte access of the widest of the types, so that none of them needs more than 16 bytes.
template <class... T>
constexpr int kCommonWidth = 16 / static_cast<int>(std::max({sizeof(T)...}));

template <class T>
struct SingleElement {
  T values[1];
};

// `Width` consecutive elements as stored: a single one, or as many as one aligned access moves.
template <class T, int Width>
using Elements = std::conditional_t<Width == 1, SingleElement<T>, Vector<T, Width == 1 ? kVectorWidth<T> : Width>>;

template <int Width, class T>
__device__ __forceinline__ Elements<T, Width> load_elements(const T* from) {
  if constexpr (Width == 1) {
    return {from[0]};
  } else {
    return load_vector<Width>(from);
  }
}

// `Width` consecutive elements as float32, in as many accesses of 16 bytes as they need.
template <int Width, class T>
__device__ __forceinline__ void load_floats(const T* from, float (&values)[Width]) {
  constexpr int kStep = Width * sizeof(T) > 16 ? 16 / sizeof(T) : Width;
#pragma unroll
  for (int i = 0; i < Width; i += kStep) {
    const Elements<T, kStep> vector = load_elements<kStep>(from + i);
#pragma unroll
    for (int j = 0; j < kStep; ++j) values[i + j] = to_float(vector.values[j]);
  }
}

// The reverse: each number rounded once, to nearest even.
template <int Width, class T>
__device__ __forceinline__ void store_floats(T* to, const float (&values)[Width]) {
  constexpr int kStep = Width * sizeof(T) > 16 ? 16 / sizeof(T) : Width;
#pragma unroll
  for (int i = 0; i < Width; i += kStep) {
    Elements<T, kStep> vector;
#pragma unroll
    for (int j = 0; j < kStep; ++j) vector.values[j] = from_float<T>(values[i + j]);
    if constexpr (Width == 1) {
      to[0] = vector.values[0];
    } else {
      store_vector(to + i, vector);
    }
  }
}

// Whether all rows of all these tensors may be accessed `width` elements at a time.
template <class... Tensors>
bool vectors_fit(int64_t width, const Tensors&... tensors) {
  const auto fits = [width](const ConstTensor& tensor) {
    if (!tensor) return true;
    const int64_t bytes = width * static_cast<int64_t>(size_of(tensor.dtype));
    const bool rows_aligned = tensor.rows <= 1 || tensor.stride % width == 0;
    return reinterpret_cast<uintptr_t>(tensor.data) % static_cast<uintptr_t>(bytes < 16 ? bytes : 16) == 0 &&
           rows_aligned && tensor.columns % width == 0;
  };
  return (fits(tensors) && ...);
}

// Calls function.template operator()<T>() with the element type of a dtype that kernels compute in.
template <class Function>
void with_element_type(DType dtype, const char* what, Function function) {
  switch (dtype) {
    case DType::float32:
      return function.template operator()<float>();
    case DType::bfloat16:
      return function.template operator()<bfloat16>();
    case DType::float16:
      break;
  }
  fail(what, " has dtype ", name(dtype), ", which the CUDA kernels do not compute in; they take float32 and bfloat16.");
}

// Throws Error unless the tensor has the contract's dtype.
inline void require_dtype(const ConstTensor& tensor, DType expected, const char* what) {
  if (tensor.dtype != expected)
    fail(what, " has dtype ", name(tensor.dtype), ", but this CUDA operation needs ", name(expected), ".");
}

}  // namespace cheems::cuda
