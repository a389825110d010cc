// The token rows that experts work on: gathered expert after expert, and their results combined again.
//   gather:  y_i = x[rows_i], for the expert of entry i to work on
//   combine: y_n = residual_n + (w_n1 x[places_n1] + … + w_nk x[places_nk]), the choices in their order
// `rows` and `places` are ExpertRouting's, in the backend's memory. The sum is float32 and is rounded once. A token's
// result depends on its own k rows alone, and no two tokens share one, so there is nothing to accumulate. Floor, e
// bytes per element: 2*e per element gathered; e*(k + 2) per element of y combined, 2*k + 1 FLOPs.
#pragma once

#include "core/tensor.h"

namespace cheems {

struct GatherExpertRows {
  Tensor y;             // [M, H]
  ConstTensor x;        // [N, H]
  const int32_t* rows;  // [M]
};

struct CombineExpertRows {
  Tensor y;               // [N, H]; may be residual
  ConstTensor x;          // [N * k, H]
  ConstTensor weights;    // [N, k] float32
  const int32_t* places;  // [N, k]
  ConstTensor residual;   // [N, H]
};

}  // namespace cheems
