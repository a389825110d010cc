// y = x W^T + bias + residual, with W [out, in] as Hugging Face stores it.
//
// Backward:
//   dx       = dy W        overwritten, or accumulated where asked
//   dW      += dy^T x      accumulated, rows in order
//   dbias   += sum_n dy_n  accumulated, rows in order
// Floor: 2*N*in*out FLOPs forward, twice that backward; 4*(N*in + N*out) bytes and the weight once.
// On the CPU every element is a sum of short chains of multiply-adds in the order of the inner index; residual or bias
// is added at the end (backends/cpu/matrix_tiles-inl.h). A row's result does not depend on the other rows.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct LinearForward {
  Tensor y;              // [N, out]; may be float32 even if x is not (a router's logits)
  ConstTensor x;         // [N, in]
  ConstTensor weight;    // [out, in]
  ConstTensor bias;      // [1, out], or absent
  ConstTensor residual;  // [N, out], or absent; may be y itself
  bool exact = false;    // the CPU multiplies in float32, whatever its precision
};

struct LinearBackwardInput {
  Tensor dx;                // [N, in]
  ConstTensor dy;           // [N, out]
  ConstTensor weight;       // [out, in]
  bool accumulate = false;  // dx += instead of dx =
  bool exact = false;       // as in LinearForward
};

struct LinearBackwardWeight {
  Tensor d_weight;  // [out, in] accumulated, or absent
  Tensor d_bias;    // [1, out] accumulated, or absent
  ConstTensor dy;   // [N, out]
  ConstTensor x;    // [N, in]
  bool exact = false;
};

}  // namespace cheems
