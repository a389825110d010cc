#include "backends/cuda/workspace.h"
#include "ops/grad_norm/cuda_blocks.h"

namespace cheems::cuda {

int64_t sum_of_squares_workspace(const WorkspaceRequest&, int64_t) {
  return kSquaresBlocks * static_cast<int64_t>(sizeof(double));
}

}  // namespace cheems::cuda
