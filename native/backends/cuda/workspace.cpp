#include "backends/cuda/workspace.h"

#include <algorithm>

#include "ops/attention/cuda_workspace.h"
#include "ops/embedding/cuda_workspace.h"
#include "ops/gated_mlp/cuda_workspace.h"
#include "ops/grad_norm/cuda_workspace.h"
#include "ops/linear/cuda_workspace.h"
#include "ops/rmsnorm/cuda_workspace.h"
#include "ops/rope/cuda_workspace.h"

namespace cheems::cuda {

int64_t workspace_bytes(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  return std::max({attention_workspace(request), embedding_workspace(request), gated_mlp_workspace(request), grad_norm_workspace(request), linear_workspace(request, most_for_cublas_lt),
                   rmsnorm_workspace(request), rope_workspace(request)});
}

}  // namespace cheems::cuda
