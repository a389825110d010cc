// The grid of the backward pass of normalized heads on CUDA: one partial sum of d_norm_weight per block.
#pragma once

#include <cstdint>

namespace cheems::cuda {

// At most this many blocks, whatever the GPU: about two for each multiprocessor of an H100.
constexpr int64_t kRopeBlocks = 256, kRopeLargestHead = 256;

}  // namespace cheems::cuda
