// The scratch memory of the CUDA attention: D = rowsum(dcontext * context), one float32 a query and head, for the backward.
#pragma once

#include <cstdint>

#include "ops/operations.h"

namespace cheems::cuda {

inline int64_t attention_workspace(const WorkspaceRequest& request) {
  return request.backward ? request.rows * request.num_heads * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
