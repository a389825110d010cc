// Weights that may lie in parts: query, key and value (gate and up) apart, as mapped files have them.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems::model {

// Columns of a bias, or nothing where there is none.
inline Tensor columns_of(const Tensor& bias, int64_t begin, int64_t count) {
  return bias ? bias.column_range(begin, count) : Tensor{};
}

// Takes the first of the parts away, with those that lie right behind it.
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
