// Token embeddings: y_n = scale * table[token_n].
//
// Backward: dtable[id] += scale * sum over the rows n with token_n = id of dy_n, in row order. There are no atomics:
// the bits are the same for any number of threads. The packed tree gives the rows sorted by token.
// Floor, e bytes per element: forward N*H*(e + 4), backward 4*N*H read and 8 bytes per distinct id and column.
#pragma once

#include <span>

#include "core/tensor.h"

namespace cheems {

struct EmbeddingForward {
  Tensor y;                         // [N, H]
  ConstTensor table;                // [V, H] matrix of weights
  std::span<const int32_t> tokens;  // [N]
  float scale = 1;                  // sqrt(H) for Gemma
};

struct EmbeddingBackward {
  Tensor d_table;                        // [V, H] accumulated
  ConstTensor dy;                        // [N, H]
  std::span<const int32_t> tokens;       // [N]
  std::span<const int32_t> token_order;  // [N] rows sorted by token, ties in row order; fewer where a token is left out
  std::span<const int32_t>
      token_runs;  // [distinct + 1] where each of those tokens' rows begin in token_order, and their end
  float scale = 1;
};

}  // namespace cheems
