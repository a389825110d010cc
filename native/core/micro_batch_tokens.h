// The tokens of a micro-batch if the user does not say: as many as fill the memory.
#pragma once

#include <cstdint>
#include <functional>

namespace cheems {

struct MicroBatchBounds {
  int64_t usual;   // if more is not useful, or the memory is not known
  int64_t useful;  // tokens up to which throughput grows (Backend::useful_micro_batch); 0: the usual number is enough
  int64_t most;    // the most tokens that can ever be needed at once; 0: not known
  int64_t memory;  // available bytes; below 0: not known
};

// The largest multiple of 1024 within the bounds whose plan fits the memory, at least 1024; if even that does not fit,
// other code refuses the run. `bytes` is the memory of a run with that many tokens; it must not fall as they grow.
int64_t choose_micro_batch_tokens(const MicroBatchBounds& bounds, const std::function<int64_t(int64_t tokens)>& bytes);

}  // namespace cheems
