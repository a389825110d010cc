// The angles of rotary position embedding, computed once.
#pragma once

#include <vector>

#include "model/architecture.h"

namespace cheems::model {

// inverse_frequency_i for i < head_size / 2: theta^(-2i/head_size), scaled as the rope type says. (transformers rounds
// them, and the angles, to float32; at position 1,000 an angle is then off by up to 1e-4.)
std::vector<double> inverse_frequencies(const Rope& rope, int64_t head_size);

// Cosines and sines of position * inverse_frequency, times the attention factor, each [positions, head_size / 2]; the
// products and functions in double.
struct RopeTable {
  std::vector<float> cosine, sine;
};
RopeTable rope_table(const Rope& rope, int64_t head_size, int64_t positions);

}  // namespace cheems::model
