// Tokens of a micro-batch where nobody says how many: what fills the memory.
#pragma once

#include <cstdint>
#include <functional>

namespace cheems {

struct MicroBatchBounds {
  int64_t usual;   // where more is of no use, or nothing is known of the memory
  int64_t useful;  // tokens up to which throughput grows (Backend::useful_micro_batch); 0: the usual number is enough
  int64_t most;    // tokens that there will ever be at once; 0: not known
  int64_t memory;  // bytes to be had; below 0: not known
};

// The largest multiple of 1024 within the bounds whose plan fits the memory, at least 1024: what takes more memory even
// so is refused elsewhere. `bytes` is what a run with that many tokens takes; it does not fall as they grow.
int64_t choose_micro_batch_tokens(const MicroBatchBounds& bounds, const std::function<int64_t(int64_t tokens)>& bytes);

}  // namespace cheems
