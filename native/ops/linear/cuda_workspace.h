// Scratch of the linear layer on CUDA, beside cuBLASLt's own: a bias rounded to bfloat16, and partial sums of a bias gradient.
#pragma once

#include <algorithm>

#include "ops/operations.h"

namespace cheems::cuda {

// Scratch regions begin at multiples of this many bytes.
constexpr int64_t kLinearAlignment = 256;

// A bias gradient is summed in chunks of this many rows, one partial sum a chunk, added in order.
constexpr int64_t kBiasRowsPerChunk = 128;

inline int64_t bias_workspace(int64_t columns) { return (columns * 2 + kLinearAlignment - 1) / kLinearAlignment * kLinearAlignment; }
inline int64_t bias_gradient_workspace(int64_t rows, int64_t columns) {
  return (rows + kBiasRowsPerChunk - 1) / kBiasRowsPerChunk * columns * static_cast<int64_t>(sizeof(float));
}

// What a product itself may use: the parts of a sum that cuBLASLt splits, 16 parts at the most of the float32 result, and never more
// than `most`. (A weight gradient is split along the rows: of few rows not at all.)
inline int64_t cublas_lt_workspace(const WorkspaceRequest& request, int64_t most) {
  return std::min(most, std::max<int64_t>(64 << 10, 16 * request.rows * request.widest_row * static_cast<int64_t>(sizeof(float))));
}

inline int64_t linear_workspace(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  return std::max(bias_workspace(request.widest_row) + cublas_lt_workspace(request, most_for_cublas_lt), request.backward ? bias_gradient_workspace(request.rows, request.widest_row) : 0);
}

}  // namespace cheems::cuda
