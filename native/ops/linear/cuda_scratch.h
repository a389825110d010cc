// Scratch of the linear layer on CUDA, beside cuBLASLt's own: a bias rounded to bfloat16, and partial sums of a bias
// gradient.
#pragma once

#include <cstdint>

namespace cheems::cuda {

// Scratch regions begin at multiples of this many bytes.
constexpr int64_t kLinearAlignment = 256;

// A bias gradient is summed in chunks of this many rows, one partial sum per chunk, added in order.
constexpr int64_t kBiasRowsPerChunk = 128;

inline int64_t bias_workspace(int64_t columns) {
  return (columns * 2 + kLinearAlignment - 1) / kLinearAlignment * kLinearAlignment;
}
inline int64_t bias_gradient_workspace(int64_t rows, int64_t columns) {
  return (rows + kBiasRowsPerChunk - 1) / kBiasRowsPerChunk * columns * static_cast<int64_t>(sizeof(float));
}

}  // namespace cheems::cuda
