#include "backends/cuda/workspace.h"

namespace cheems::cuda {

// D = rowsum(dcontext * context), one float32 per query and head.
int64_t attention_backward_workspace(const WorkspaceRequest& request, int64_t) {
  return request.backward ? request.rows * request.num_heads * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
