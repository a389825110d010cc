// The engine's input: token sequences, grouped by the prompt that they share.
#pragma once

#include <cstdint>
#include <span>

namespace cheems {

// S samples, one after another. `tokens` holds offsets[S] ids; sample s is tokens[offsets[s] .. offsets[s+1]).
// `groups[s]` is the number of the sample's prompt; samples of one prompt are consecutive.
// Samples of one group share the computation of their longest common prefix. The caller owns the memory.
struct Samples {
  std::span<const int32_t> tokens;
  std::span<const int32_t> offsets;  // S + 1 entries, offsets[0] = 0
  std::span<const int32_t> groups;   // S entries
  // The tokens whose hidden states are read, by their positions in the sample: those of sample s are
  // readouts[readout_offsets[s] .. readout_offsets[s+1]), at least one. Both empty: the last token of each.
  std::span<const int32_t> readouts = {};
  std::span<const int32_t> readout_offsets = {};  // S + 1 entries
  int64_t count() const { return static_cast<int64_t>(groups.size()); }
  int64_t readouts_of(int32_t sample) const {
    return readout_offsets.empty()
               ? 1
               : readout_offsets[static_cast<size_t>(sample) + 1] - readout_offsets[static_cast<size_t>(sample)];
  }
};

}  // namespace cheems
