#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace cheems::model {
namespace {

// Llama 3's scaling: long wavelengths are divided by the factor, short ones kept, those in between interpolated.
double llama3_scaled(const Rope& rope, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency, original = rope.original_max_position_embeddings;
  if (wavelength < original / rope.high_freq_factor) return frequency;
  if (wavelength > original / rope.low_freq_factor) return frequency / rope.factor;
  const double smooth = (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

// YaRN: pairs that rotate beta_fast times or more over the original positions keep their frequency; those that rotate
// beta_slow times or less have it divided by the factor; in between, it is interpolated linearly by the pair's number.
class YarnBlend {
 public:
  YarnBlend(const Rope& rope, int64_t head_size) : factor_(rope.factor) {
    const auto size = static_cast<double>(head_size);
    const auto pair_that_turns = [&](double turns) {
      return size * std::log(rope.original_max_position_embeddings / (turns * 2 * std::numbers::pi)) /
             (2 * std::log(rope.theta));
    };
    low_ = pair_that_turns(rope.beta_fast), high_ = pair_that_turns(rope.beta_slow);
    if (rope.truncate) low_ = std::floor(low_), high_ = std::ceil(high_);
    low_ = std::max(low_, 0.0), high_ = std::min(high_, size - 1);
    if (low_ == high_) high_ += 0.001;
  }
  double scaled(double frequency, int64_t pair) const {
    const double divided = std::clamp((static_cast<double>(pair) - low_) / (high_ - low_), 0.0, 1.0);
    return divided * frequency / factor_ + (1 - divided) * frequency;
  }

 private:
  double factor_, low_, high_;
};

}  // namespace

std::vector<double> inverse_frequencies(const Rope& rope, int64_t head_size) {
  std::vector<double> frequencies;
  const std::optional<YarnBlend> yarn =
      rope.type == "yarn" ? std::optional<YarnBlend>({rope, head_size}) : std::nullopt;
  for (int64_t i = 0; i < head_size / 2; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_size));
    if (rope.type == "linear") frequency /= rope.factor;
    if (rope.type == "llama3") frequency = llama3_scaled(rope, frequency);
    if (yarn) frequency = yarn->scaled(frequency, i);
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
      table.cosine.push_back(static_cast<float>(rope.attention_factor * std::cos(angle)));
      table.sine.push_back(static_cast<float>(rope.attention_factor * std::sin(angle)));
    }
  }
  return table;
}

}  // namespace cheems::model
