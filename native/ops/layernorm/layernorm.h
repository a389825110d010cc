// y = (x - mean(x)) / sqrt(var(x) + epsilon) * weight + bias, row by row, with var the mean of squared distances from
// the mean.
//
// Forward only: encoders are scored, not trained. If a norm follows a branch and its residual, their sum is the last
// linear layer's epilogue (ops/linear, `residual`), so it is not read twice here. Floor, e bytes per element of x and f
// of y: N*H*(e + f) + 8*H bytes, about 7 FLOPs per element. A row's result depends on that row alone, to the bit.
// Source: Ba et al. 2016 (arXiv 1607.06450).
#pragma once

#include "core/tensor.h"

namespace cheems {

struct LayerNormForward {
  Tensor y;            // [N, H]: x's dtype, or float32; may be x itself
  ConstTensor x;       // [N, H]
  ConstTensor weight;  // [1, H]
  ConstTensor bias;    // [1, H]
  float epsilon;
};

}  // namespace cheems
