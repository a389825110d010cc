// How much workspace the CUDA operations need: pure arithmetic, so that a run on a GPU can be planned where there is none.
#pragma once

#include "ops/operations.h"

namespace cheems::cuda {

// The most for cuBLASLt: what NVIDIA advises on its largest GPUs.
constexpr int64_t kCublasLtWorkspaceBytes = int64_t{32} << 20;

// The most that any operation needs, for they run one after another and share.
int64_t workspace_bytes(const WorkspaceRequest& request, int64_t most_for_cublas_lt = kCublasLtWorkspaceBytes);

}  // namespace cheems::cuda
