#include "backends/cuda/workspace.h"
#include "ops/rope/cuda_blocks.h"

namespace cheems::cuda {

int64_t rope_backward_workspace(const WorkspaceRequest& request, int64_t) {
  return request.backward ? kRopeBlocks * kRopeLargestHead * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
