// What the engine is given: token sequences, grouped by the prompt that they share.
#pragma once

#include <cstdint>
#include <span>

namespace cheems {

// S samples back to back. `tokens` holds offsets[S] ids; sample s is tokens[offsets[s] .. offsets[s+1]).
// `groups[s]` is the number of the sample's prompt; samples of one prompt stand next to each other.
// Samples of one group share the computation of their longest common prefix. The caller owns the memory.
struct Samples {
  std::span<const int32_t> tokens;
  std::span<const int32_t> offsets;  // S + 1 entries, offsets[0] = 0
  std::span<const int32_t> groups;   // S entries
  int64_t count() const { return static_cast<int64_t>(groups.size()); }
};

}  // namespace cheems
