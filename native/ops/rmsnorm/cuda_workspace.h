// Scratch of RMSNorm's backward pass on CUDA: one partial sum of dweight a block.
#pragma once

#include <algorithm>

#include "ops/operations.h"

namespace cheems::cuda {

// The rows of one block, by the number of rows alone, so that dweight has the same bits on every GPU of one model: at most
// 256 blocks (about two for each multiprocessor of an H100), at least 4 rows (one for each warp of a narrow norm's block).
constexpr int64_t kRmsNormBlocks = 256;
inline int64_t rmsnorm_rows_per_block(int64_t rows) { return std::max<int64_t>(4, (rows + kRmsNormBlocks - 1) / kRmsNormBlocks); }
inline int64_t rmsnorm_blocks(int64_t rows) { return (rows + rmsnorm_rows_per_block(rows) - 1) / rmsnorm_rows_per_block(rows); }

inline int64_t rmsnorm_workspace(const WorkspaceRequest& request) {
  // The number of blocks does not grow steadily with the rows, its bound does.
  return request.backward ? std::min(kRmsNormBlocks, (request.rows + 3) / 4) * request.widest_row * static_cast<int64_t>(sizeof(float)) : 0;
}

}  // namespace cheems::cuda
