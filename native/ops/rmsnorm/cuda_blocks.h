// The grid of RMSNorm's backward pass on CUDA: one partial sum of dweight per block.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cheems::cuda {

// The rows of one block, a function of the number of rows alone, so that dweight has the same bits on every GPU of one
// model: at most 256 blocks (about two for each multiprocessor of an H100), at least 4 rows (one for each warp of a
// narrow norm's block).
constexpr int64_t kRmsNormBlocks = 256;
inline int64_t rmsnorm_rows_per_block(int64_t rows) {
  return std::max<int64_t>(4, (rows + kRmsNormBlocks - 1) / kRmsNormBlocks);
}
inline int64_t rmsnorm_blocks(int64_t rows) {
  return (rows + rmsnorm_rows_per_block(rows) - 1) / rmsnorm_rows_per_block(rows);
}

}  // namespace cheems::cuda
