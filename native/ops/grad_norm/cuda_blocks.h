// The grid of sum_of_squares on CUDA.
#pragma once

#include <cstdint>

namespace cheems::cuda {

constexpr int64_t kSquaresBlocks = 1024;  // at most; each leaves one double

}  // namespace cheems::cuda
