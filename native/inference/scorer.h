// Rewards of samples: forward passes only.
#pragma once

#include <memory>
#include <vector>

#include "batch/samples.h"
#include "core/control.h"
#include "core/description.h"
#include "core/memory_plan.h"
#include "model/reward_model.h"
#include "ops/operations.h"

namespace cheems::inference {

struct ScorerOptions {
  int64_t micro_batch_tokens = 8192;  // tokens computed at once; affects memory, not the result
  bool share_prompts = true;          // false: compute every sample from its first token, as encoders always do
};

template <class Visitor>
void describe(Visitor& visit, ScorerOptions& options) {
  visit("microBatchTokens", options.micro_batch_tokens, "Tokens computed at once; affects memory, not the result.",
        {.least = 1});
  visit("sharePrompts", options.share_prompts, "Compute the common prefixes of a prompt's samples only once.");
}

class Scorer {
 public:
  Scorer(model::RewardModel& model, const ScorerOptions& options);
  ~Scorer();
  struct Result {
    std::vector<float>
        rewards;  // one per sample, in the given order; with Readout::every_step one per readout, sample after sample
    int64_t computed_tokens = 0;  // after sharing prompts

    template <class Visitor>
    friend void describe(Visitor& visit, Result& result) {
      visit("rewards", result.rewards,
            "One per sample; with the readout `every_step` one per readout, sample after sample.");
      visit("computedTokens", result.computed_tokens, "Computed tokens; each shared prompt counts once.");
    }
  };
  // The samples' readouts must be those that the model's head needs (RewardModel::head().readout): none if it reads
  // only the last token. A sample's reward has the same bits whatever else is in the call. Throws Error for ids outside
  // the vocabulary, empty samples and non-finite rewards (naming the sample), Canceled when canceled.
  Result score(const Samples& samples, const Control& control);

  // The memory of a Scorer for samples of at most `longest_sample` tokens, without the weights.
  static void plan(const model::Architecture& architecture, const ScorerOptions& options, DType precision,
                   int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cheems::inference
