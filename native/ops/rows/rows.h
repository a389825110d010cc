// Rows picked out of a matrix and put back: the last layer works on the reward rows alone, and a key/value cache keeps
// the new tokens' rows at its own.
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
  Tensor x;                       // [N, H] whose other rows stay as they are
  ConstTensor y;                  // [R, H]
  std::span<const int32_t> rows;  // distinct
};

struct ScatterAddRows {
  Tensor x;                       // [N, H] accumulated
  ConstTensor y;                  // [R, H]
  std::span<const int32_t> rows;  // distinct
};

}  // namespace cheems
