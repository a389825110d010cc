// Scratch of the backward pass of normalised heads on CUDA: one partial sum of d_norm_weight a block.
#pragma once

#include "ops/operations.h"

namespace cheems::cuda {

// At most so many blocks, whatever the GPU: about two for each multiprocessor of an H100.
constexpr int64_t kRopeBlocks = 256, kRopeLargestHead = 256;

inline int64_t rope_workspace(const WorkspaceRequest& request) {
  return request.backward ? kRopeBlocks * kRopeLargestHead * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
