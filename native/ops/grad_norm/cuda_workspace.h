// Scratch of sum_of_squares on CUDA.
#pragma once

#include <cstdint>

#include "ops/operations.h"

namespace cheems::cuda {

constexpr int64_t kSquaresBlocks = 1024;  // at most; each leaves one double

inline int64_t grad_norm_workspace(const WorkspaceRequest&) { return kSquaresBlocks * static_cast<int64_t>(sizeof(double)); }

}  // namespace cheems::cuda
