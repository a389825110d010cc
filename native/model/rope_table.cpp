#include "model/rope_table.h"

#include <cmath>
#include <numbers>

namespace cheems::model {
namespace {

// Llama 3's scaling: long wavelengths are divided by the factor, short ones kept, those between blended.
double llama3_scaled(const Rope& rope, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency, original = static_cast<double>(rope.original_max_position_embeddings);
  if (wavelength < original / rope.high_freq_factor) return frequency;
  if (wavelength > original / rope.low_freq_factor) return frequency / rope.factor;
  const double smooth = (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

}  // namespace

std::vector<double> inverse_frequencies(const Rope& rope, int64_t head_size) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < head_size / 2; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_size));
    if (rope.type == "linear") frequency /= rope.factor;
    if (rope.type == "llama3") frequency = llama3_scaled(rope, frequency);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

RopeTable rope_table(const Rope& rope, int64_t head_size, int64_t positions) {
  const std::vector<double> frequencies = inverse_frequencies(rope, head_size);
  RopeTable table;
  table.cosine.reserve(static_cast<size_t>(positions) * frequencies.size());
  table.sine.reserve(static_cast<size_t>(positions) * frequencies.size());
  for (int64_t position = 0; position < positions; ++position) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      table.cosine.push_back(static_cast<float>(std::cos(angle)));
      table.sine.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return table;
}

}  // namespace cheems::model
