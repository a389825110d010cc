// Memory handed out in order from one block. With no block it only counts, so that a plan is made by the very
// code that will use the memory.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace cheems {

class Arena {
 public:
  explicit Arena(void* base = nullptr) : base_(static_cast<char*>(base)) {}

  // [rows, columns] float32, 64-byte aligned; its data is null while counting.
  Tensor floats(int64_t rows, int64_t columns) {
    Tensor tensor = float_tensor(base_ ? reinterpret_cast<float*>(base_ + used_) : nullptr, rows, columns);
    used_ += (rows * columns * static_cast<int64_t>(sizeof(float)) + 63) / 64 * 64;
    return tensor;
  }
  int64_t used() const { return used_; }  // bytes

 private:
  char* base_;
  int64_t used_ = 0;
};

}  // namespace cheems
