// The most likely next tokens of prompts, from one forward pass; nothing is generated. For judging by the probabilities
// of letters.
#pragma once

#include <memory>
#include <vector>

#include "batch/samples.h"
#include "core/control.h"
#include "model/causal_model.h"

namespace cheems::generation {

struct NextTokens {
  std::vector<int32_t> ids;              // [prompts * count], best first; of equal ones the lower ids
  std::vector<float> log_probabilities;  // the same, log-softmax over the whole vocabulary
};

template <class Visitor>
void describe(Visitor& visit, NextTokens& tokens) {
  visit("ids", tokens.ids, "`count` ids per prompt, the most likely first; of equal ones the lower ids.");
  visit("logProbabilities", tokens.log_probabilities,
        "Natural logarithms of their probabilities over the whole vocabulary.");
}

class NextTokenReader {
 public:
  // `micro_batch_tokens`: computed at once; affects memory, not the result. The model must outlive the reader.
  NextTokenReader(const model::CausalModel& model, int64_t micro_batch_tokens);
  ~NextTokenReader();
  // The memory of a reader for such micro-batches, without the weights, with prompts of up to 8192 tokens.
  static int64_t planned_bytes(const model::CausalModel& model, int64_t micro_batch_tokens);
  // The `count` most likely next tokens of each prompt. On the CPU a prompt's numbers are the same bits whatever else
  // is in the call. Throws Error for ids outside the vocabulary, empty prompts and a count outside 1 … vocab_size;
  // Canceled when canceled.
  NextTokens read(const Samples& prompts, int64_t count, const Control& control);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cheems::generation
