// The sum of squares of a gradient, in double, over fixed blocks in order: the same bits for any number of threads. The
// global norm is the square root of the tensors' total; adamw.h clips by it without waiting for the host.
// Floor: 4 bytes and 2 FLOPs per parameter.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct SumOfSquares {
  double* sum;                        // in the backend's memory; added to
  ConstTensor x;                      // [rows, columns] contiguous, float32 or bfloat16
  const uint8_t* row_seen = nullptr;  // as in AdamWUpdate: rows marked 0 hold zeros and are skipped
};

}  // namespace cheems
