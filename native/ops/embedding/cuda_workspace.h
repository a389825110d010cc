// Scratch of the embedding's backward pass on CUDA: partial sums of tokens that occur often.
#pragma once

#include "ops/operations.h"

namespace cheems::cuda {

// A token's run of more than this many rows is summed in pieces of as many, side by side.
constexpr int64_t kEmbeddingPiece = 128;

// One float32 row a piece. A run of more than kEmbeddingPiece rows has at most 2 pieces for every kEmbeddingPiece + 1 rows.
inline int64_t embedding_workspace(const WorkspaceRequest& request) {
  if (!request.backward) return 0;
  const int64_t pieces = (request.rows + kEmbeddingPiece / 2 - 1) / (kEmbeddingPiece / 2);
  return pieces * request.widest_row * static_cast<int64_t>(sizeof(float));
}

}  // namespace cheems::cuda
