#include <algorithm>

#include "backends/cuda/workspace.h"
#include "ops/rmsnorm/cuda_blocks.h"

namespace cheems::cuda {

int64_t rmsnorm_backward_workspace(const WorkspaceRequest& request, int64_t) {
  if (!request.backward) return 0;
  // The number of blocks may fall as the rows grow; its bound does not.
  const int64_t blocks = std::min(kRmsNormBlocks, (request.rows + 3) / 4);
  return blocks * request.widest_row * static_cast<int64_t>(sizeof(float));
}

}  // namespace cheems::cuda
