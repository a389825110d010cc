// Weights that may be stored in parts: query, key and value (or gate and up) separately, as in mapped files.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems::model {

// Columns of a bias, or nothing if there is none.
inline Tensor columns_of(const Tensor& bias, int64_t begin, int64_t count) {
  return bias ? bias.column_range(begin, count) : Tensor{};
}

// Removes the first part, together with those that directly follow it in memory.
inline Tensor take_matrix(std::span<const Tensor>& parts) {
  Tensor matrix = parts.front();
  const auto lies_behind = [&](const Tensor& next) {
    return next.data == matrix.row_range(matrix.rows, 0).data && next.dtype == matrix.dtype;
  };
  for (parts = parts.subspan(1); !parts.empty() && lies_behind(parts.front()); parts = parts.subspan(1))
    matrix.rows += parts.front().rows;
  return matrix;
}

}  // namespace cheems::model
