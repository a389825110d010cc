// Text generation: prompts in, new tokens out, a few steps at a time, so that the caller can look for stop strings in
// between.
//
// All prompts share one key/value cache. A step is one forward pass over all new tokens: one token for each sequence
// under way, and as many tokens of waiting prompts as micro_batch_tokens allows. Prompts of one group share the rows of
// their common prefixes; a sequence's new tokens are a segment after its prompt, with rows reserved for all of them.
// Sequences that end free their rows for the next. On the CPU a sequence's tokens are the same bits whatever else is
// generated at the same time, in whatever order and memory. Floor of a step: every weight read once (bytes / memory
// bandwidth), 2 FLOPs per weight and token.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "batch/samples.h"
#include "core/control.h"
#include "generation/sampling.h"
#include "model/causal_model.h"

namespace cheems::generation {

struct GenerationOptions {
  SamplingOptions sampling = {};
  std::vector<int32_t> max_new_tokens = {};  // one for each prompt; a sequence ends earlier at max_position_embeddings
  std::vector<int32_t> sequence_numbers = {};  // one for each prompt, of its random stream; empty: 0, 1, 2 …
  std::vector<int32_t> stop_tokens = {};       // end a sequence and are not part of it
  int64_t micro_batch_tokens = 8192;           // of prompts, computed at once; affects memory, not the result
  int64_t cache_tokens = 0;     // rows of the cache; 0: as many as are useful, within half of the available memory
  int64_t memory_reserve = -1;  // bytes of available memory to leave free then; below 0: the backend's default
  int64_t max_sequences = 64;   // under way at once
  // For tests: the logits that each token is chosen from. Called with the prompt, the step and [vocab_size] logits.
  std::function<void(int64_t prompt, int64_t step, std::span<const float> logits)> on_logits = {};
};

// Without the sampling options, which have their own description.
template <class Visitor>
void describe(Visitor& visit, GenerationOptions& options) {
  visit("maxNewTokens", options.max_new_tokens,
        "For every prompt, or one for each. A prompt ends earlier when it reaches the model's last position.",
        {.required = true, .one_for_all = true});
  visit("sequenceNumbers", options.sequence_numbers,
        "Numbers of the prompts' random streams, so that tokens depend on no other prompt. Absent: 0, 1, 2, …",
        {.stands_for_none = true});
  visit("stopTokens", options.stop_tokens, "End a prompt's text and are not part of it.", {.stands_for_none = true});
  visit("microBatchTokens", options.micro_batch_tokens,
        "Tokens of prompts computed at once; affects memory, not the result.", {.least = 1});
  visit("cacheTokens", options.cache_tokens,
        "Tokens of prompts and texts in the cache at once; absent: as many as are useful, within half of the available "
        "memory. Further prompts wait.",
        {.least = 0, .stands_for_none = true});
  visit("memoryReserve", options.memory_reserve,
        "Bytes of available memory to leave free if cacheTokens is absent; absent: 1 GiB on a GPU, none on the "
        "CPU.",
        {.least = -1, .stands_for_none = true});
  visit("maxSequences", options.max_sequences, "Prompts under way at once.", {.least = 1, .most = 4096});
}

enum class Finish : uint8_t { running = 0, stop_token = 1, length = 2, by_caller = 3 };

class Generator {
 public:
  // Allocates all memory. The model must outlive the generator; the prompts are copied. Throws Error for options and
  // prompts that do not fit, naming them, and for a cache that cannot hold even one prompt with its new tokens.
  Generator(const model::CausalModel& model, const Samples& prompts, GenerationOptions options);
  ~Generator();

  struct Advanced {
    std::vector<int32_t> tokens;    // new ones since the last call, prompt after prompt
    std::vector<int32_t> counts;    // [prompts] how many of them belong to each prompt
    std::vector<uint8_t> finished;  // [prompts] Finish

    template <class Visitor>
    friend void describe(Visitor& visit, Advanced& advanced) {
      visit("tokens", advanced.tokens, "The new tokens of all prompts, one prompt after another.");
      visit("counts", advanced.counts, "New tokens of each prompt.");
      visit("finished", advanced.finished, "A `Finish` for each prompt.");
    }
  };
  // At most `steps` steps: up to that many new tokens for each prompt, none for those that wait. First ends the prompts
  // in `stop`. If canceled, what is done by then comes with the next call. Throws Error if nothing is left to generate.
  Advanced advance(int64_t steps, std::span<const int32_t> stop, const Control& control);

  bool done() const;                // every prompt has ended
  int64_t computed_tokens() const;  // computed by the decoder so far, prompts included

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cheems::generation
