#include "backends/cuda/workspace.h"
#include "ops/embedding/cuda_pieces.h"

namespace cheems::cuda {

// One float32 row per piece. A run of more than kEmbeddingPiece rows has at most 2 pieces for every kEmbeddingPiece + 1
// rows.
int64_t embedding_backward_workspace(const WorkspaceRequest& request, int64_t) {
  if (!request.backward) return 0;
  const int64_t pieces = (request.rows + kEmbeddingPiece / 2 - 1) / (kEmbeddingPiece / 2);
  return pieces * request.widest_row * static_cast<int64_t>(sizeof(float));
}

}  // namespace cheems::cuda
