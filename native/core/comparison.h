// What is known about two samples of a batch: which is better, how sure that is, and by how much. Everything from the
// data to the loss uses comparisons; a plain pair of chosen and rejected is one with the defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cheems {

struct Comparison {
  int32_t a = 0, b = 0;  // sample numbers
  float target = 1;      // the probability that a is the better one: 1 means a, 0 means b, 0.5 a tie
  float weight = 1;      // how much the comparison counts relative to the others
  float margin = 0;      // by how much a's reward should exceed b's
};

// [chosen, rejected, chosen, rejected, …] with the defaults.
inline std::vector<Comparison> comparisons_of(std::span<const int32_t> pairs) {
  std::vector<Comparison> comparisons;
  comparisons.reserve(pairs.size() / 2);
  for (size_t p = 0; p + 1 < pairs.size(); p += 2) comparisons.push_back({.a = pairs[p], .b = pairs[p + 1]});
  return comparisons;
}

// Throws Error for a comparison that does not name two of `samples` samples, or whose numbers are not valid.
void check_comparisons(std::span<const Comparison> comparisons, int64_t samples);

}  // namespace cheems
