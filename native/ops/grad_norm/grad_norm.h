// The sum of squares of a gradient, in double, over fixed blocks in order: the same bits for any number of threads.
// The global norm is the square root of the tensors' sums; clipping is PyTorch's clip_grad_norm_: factor min(1, max_norm / (norm + 1e-6)).
// Floor: 4 bytes and 2 FLOPs per parameter.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct SumOfSquares {
  double* sum;           // host; added to
  ConstTensor x;         // [rows, columns] contiguous
  const uint8_t* row_seen = nullptr;  // as in AdamWUpdate: rows marked 0 hold zeros and are passed over
};

}  // namespace cheems
