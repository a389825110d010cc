// Memory allocated in order from one block. Without a block it only counts, so that a plan is made by the same code
// that uses the memory.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace cheems {

class Arena {
 public:
  explicit Arena(void* base = nullptr) : base_(static_cast<char*>(base)) {}

  // [rows, columns], aligned for any backend (256 bytes); its data is null while counting.
  Tensor matrix(int64_t rows, int64_t columns, DType dtype) {
    const Tensor tensor{base_ ? base_ + used_ : nullptr, dtype, rows, columns, columns};
    used_ += (rows * columns * static_cast<int64_t>(size_of(dtype)) + 255) / 256 * 256;
    return tensor;
  }
  Tensor floats(int64_t rows, int64_t columns) { return matrix(rows, columns, DType::float32); }
  int64_t used() const { return used_; }  // bytes

 private:
  char* base_;
  int64_t used_ = 0;
};

}  // namespace cheems
