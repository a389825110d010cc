// Gathering rows of a matrix and scattering them back: the last layer computes only the reward rows, and a key/value
// cache stores the new tokens' rows among its own.
//   gather: y_i = x[rows_i];  scatter: x[rows_i] = y_i;  scatter_add: x[rows_i] += y_i (rows are distinct)
// Floor: 8 bytes per element moved, 12 for scatter_add.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems {

struct GatherRows {
  Tensor y;       // [R, H]
  ConstTensor x;  // [N, H]
  std::span<const int32_t> rows;
};

struct ScatterRows {
  Tensor x;                       // [N, H] other rows stay unchanged
  ConstTensor y;                  // [R, H]
  std::span<const int32_t> rows;  // distinct
};

struct ScatterAddRows {
  Tensor x;                       // [N, H] accumulated
  ConstTensor y;                  // [R, H]
  std::span<const int32_t> rows;  // distinct
};

}  // namespace cheems
