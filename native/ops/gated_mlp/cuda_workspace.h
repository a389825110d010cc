// The gated MLP needs no scratch on CUDA.
#pragma once

#include "ops/operations.h"

namespace cheems::cuda {

inline int64_t gated_mlp_workspace(const WorkspaceRequest&) { return 0; }

}  // namespace cheems::cuda
