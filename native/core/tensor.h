// A tensor is a view: where the numbers are and how they are laid out. It owns nothing.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace cheems {

// A row-major matrix [rows, columns] whose rows start `stride` elements apart, so that a range of
// columns of a wider matrix (the keys inside a qkv matrix, say) is a tensor too. A vector has one row.
template <class Pointer>
struct BasicTensor {
  Pointer data = nullptr;
  DType dtype = DType::float32;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;  // elements between the starts of two rows, at least `columns`

  explicit operator bool() const { return data != nullptr; }

  // Columns [begin, begin + count) of every row.
  BasicTensor column_range(int64_t begin, int64_t count) const {
    BasicTensor view = *this;
    view.data = static_cast<Byte*>(data) + begin * static_cast<int64_t>(size_of(dtype));
    view.columns = count;
    return view;
  }
  // Rows [begin, begin + count).
  BasicTensor row_range(int64_t begin, int64_t count) const {
    BasicTensor view = *this;
    view.data = static_cast<Byte*>(data) + begin * stride * static_cast<int64_t>(size_of(dtype));
    view.rows = count;
    return view;
  }

 private:
  template <class P>
  struct ByteOf {
    using type = char;
  };
  template <class P>
  struct ByteOf<const P*> {
    using type = const char;
  };
  using Byte = typename ByteOf<Pointer>::type;
};

using Tensor = BasicTensor<void*>;

struct ConstTensor : BasicTensor<const void*> {
  ConstTensor() = default;
  ConstTensor(const BasicTensor<const void*>& view) : BasicTensor(view) {}
  ConstTensor(const Tensor& t) : BasicTensor{t.data, t.dtype, t.rows, t.columns, t.stride} {}
  ConstTensor(const void* data, DType dtype, int64_t rows, int64_t columns)
      : BasicTensor{data, dtype, rows, columns, columns} {}
};

inline Tensor float_tensor(float* data, int64_t rows, int64_t columns) {
  return {data, DType::float32, rows, columns, columns};
}

// The float32 elements of a tensor; the callers that need float32 say so in their contract.
inline float* floats(const Tensor& t) { return static_cast<float*>(t.data); }
inline const float* floats(const ConstTensor& t) { return static_cast<const float*>(t.data); }

}  // namespace cheems
