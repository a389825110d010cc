// Scratch of the backward pass of normalised heads on CUDA: one partial sum of d_norm_weight a block.
#pragma once

#include "ops/operations.h"

namespace cheems::cuda {

constexpr int64_t kRopeBlocks = 512, kRopeLargestHead = 256;

inline int64_t rope_workspace(const WorkspaceRequest& request) {
  return request.backward ? kRopeBlocks * kRopeLargestHead * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
