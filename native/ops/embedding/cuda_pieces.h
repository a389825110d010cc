// How the embedding's backward pass on CUDA sums tokens that occur often.
#pragma once

#include <cstdint>

namespace cheems::cuda {

// A token's run of more than this many rows is summed in pieces of this size, in parallel.
constexpr int64_t kEmbeddingPiece = 128;

}  // namespace cheems::cuda
