// Text generation: prompts in, new tokens out, some steps at a time, so that the caller can look for stop strings in
// between.
//
// All prompts go into one key/value cache. A step is one forward pass over whatever is new: one token for each sequence
// under way, and as many tokens of waiting prompts as micro_batch_tokens allows. Prompts of one group share the rows of
// their common prefixes; a sequence's new tokens are a segment behind its prompt, with rows reserved for all of them.
// Sequences that end make room for the next. On the CPU a sequence's tokens are the same bits whatever else is
// generated beside it, in whatever order and memory. Floor of a step: every weight read once (bytes / memory
// bandwidth), 2 FLOPs a weight and token.
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
  std::vector<int32_t> max_new_tokens =
      {};  // one for each prompt; a sequence ends earlier where max_position_embeddings does
  std::vector<int32_t> sequence_numbers = {};  // one for each prompt, of its random stream; empty: 0, 1, 2 …
  std::vector<int32_t> stop_tokens = {};       // end a sequence and are not part of it
  int64_t micro_batch_tokens = 8192;           // of prompts, computed at once: memory, never the result
  int64_t cache_tokens = 0;     // rows of the cache; 0: all that are of use, as far as half the available memory goes
  int64_t memory_reserve = -1;  // bytes of the available memory to leave alone then; below 0: as the backend says
  int64_t max_sequences = 64;   // under way at once
  // For tests: what each token is chosen from. Called with the prompt, the step and [vocab_size] logits.
  std::function<void(int64_t prompt, int64_t step, std::span<const float> logits)> on_logits = {};
};

// Without the sampling options, which describe themselves.
template <class Visitor>
void describe(Visitor& visit, GenerationOptions& options) {
  visit("maxNewTokens", options.max_new_tokens,
        "Of every prompt, or one for each. A prompt ends earlier where the model's positions do.",
        {.required = true, .one_for_all = true});
  visit("sequenceNumbers", options.sequence_numbers,
        "Names each prompt's random stream: its tokens depend on no other prompt. Absent: 0, 1, 2, …",
        {.stands_for_none = true});
  visit("stopTokens", options.stop_tokens, "End a prompt's text and are not part of it.", {.stands_for_none = true});
  visit("microBatchTokens", options.micro_batch_tokens, "Tokens of prompts computed at once: memory, never the result.",
        {.least = 1});
  visit("cacheTokens", options.cache_tokens,
        "Tokens of prompts and texts kept at once; absent: as many as are of use, as far as half the available memory "
        "goes. "
        "Prompts wait for room.",
        {.least = 0, .stands_for_none = true});
  visit("memoryReserve", options.memory_reserve,
        "Bytes of the available memory to leave alone where cacheTokens is absent; absent: 1 GiB on a GPU, none on the "
        "CPU.",
        {.least = -1, .stands_for_none = true});
  visit("maxSequences", options.max_sequences, "Prompts under way at once.", {.least = 1, .most = 4096});
}

enum class Finish : uint8_t { running = 0, stop_token = 1, length = 2, by_caller = 3 };

class Generator {
 public:
  // Takes all memory. The model outlives the generator; the prompts' memory is copied. Throws Error for options and
  // prompts that do not fit, naming them, and for a cache in which not even one prompt with its new tokens has room.
  Generator(const model::CausalModel& model, const Samples& prompts, GenerationOptions options);
  ~Generator();

  struct Advanced {
    std::vector<int32_t> tokens;    // new ones since the last call, prompt by prompt, back to back
    std::vector<int32_t> counts;    // [prompts] how many of them are each prompt's
    std::vector<uint8_t> finished;  // [prompts] Finish

    template <class Visitor>
    friend void describe(Visitor& visit, Advanced& advanced) {
      visit("tokens", advanced.tokens, "The new tokens of all prompts, back to back.");
      visit("counts", advanced.counts, "New tokens of each prompt.");
      visit("finished", advanced.finished, "A `Finish` for each prompt.");
    }
  };
  // At most `steps` steps: up to as many new tokens for each prompt, none for those that wait for room. First ends the
  // prompts in `stop`. Canceled: what is done by then comes with the next call. Throws Error where nothing is left to
  // generate.
  Advanced advance(int64_t steps, std::span<const int32_t> stop, const Control& control);

  bool done() const;                // every prompt has ended
  int64_t computed_tokens() const;  // through the decoder so far, prompts included

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cheems::generation
