#include "inference/scorer.h"

#include <algorithm>
#include <cmath>

#include "batch/packed_tree.h"
#include "core/error.h"
#include "model/decoder.h"

namespace cheems::inference {
namespace {

model::ActivationCapacity capacity_for(int64_t budget, DType precision, int64_t longest_sample) {
  model::ActivationCapacity capacity;
  capacity.dtype = precision;
  capacity.rows = std::max(budget, longest_sample);
  capacity.rewards = reward_capacity(capacity.rows);
  capacity.longest_path = longest_sample;
  return capacity;
}

int64_t longest_of(const Samples& samples) {
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < samples.offsets.size(); ++s) longest = std::max<int64_t>(longest, samples.offsets[s + 1] - samples.offsets[s]);
  return longest;
}

}  // namespace

struct Scorer::State {
  model::RewardModel& model;
  ScorerOptions options;
  std::unique_ptr<model::Decoder> decoder;

  // Memory for samples of that length; taken again, larger, only when a longer one comes than ever before.
  void ensure_capacity(int64_t longest) {
    if (decoder && decoder->capacity().longest_path >= longest) return;
    const int64_t known = decoder ? decoder->capacity().longest_path : 0;
    decoder.reset();
    decoder = std::make_unique<model::Decoder>(model.architecture(), model.parameters().tensors(), model.backend(), capacity_for(options.micro_batch_tokens, model.precision(), std::max({longest, 2 * known, int64_t{256}})));
  }
};

Scorer::Scorer(model::RewardModel& model, const ScorerOptions& options) : state_(new State{model, options, nullptr}) {
  if (options.micro_batch_tokens <= 0) fail("micro_batch_tokens is ", options.micro_batch_tokens, "; it must be at least 1.");
}
Scorer::~Scorer() = default;

Scorer::Result Scorer::score(const Samples& samples, const Control& control) {
  const auto& architecture = state_->model.architecture();
  check_samples(samples, architecture.vocab_size, architecture.max_position_embeddings);
  state_->ensure_capacity(longest_of(samples));
  model::Decoder& decoder = *state_->decoder;
  Result result;
  result.rewards.resize(static_cast<size_t>(samples.count()));
  int64_t done = 0;
  std::vector<float> rewards;
  for (const auto& chosen : plan_micro_batches(samples, state_->options.micro_batch_tokens, state_->options.share_prompts)) {
    const PackedTree tree = pack_tree(samples, chosen, state_->options.share_prompts);
    decoder.forward(tree, control);
    rewards.resize(chosen.size());
    state_->model.backend().download(rewards.data(), decoder.rewards(tree).data, tree.rewards() * static_cast<int64_t>(sizeof(float)));
    for (size_t r = 0; r < rewards.size(); ++r) {
      if (!std::isfinite(rewards[r])) fail("The reward of sample ", tree.samples[r], " of the batch is not finite: the model's weights overflow float32. Check the model folder.");
      result.rewards[static_cast<size_t>(tree.samples[r])] = rewards[r];
    }
    done += static_cast<int64_t>(chosen.size());
    result.computed_tokens += tree.rows();
    control.report(done, samples.count(), result.computed_tokens);
  }
  return result;
}

void Scorer::plan(const model::Architecture& architecture, const ScorerOptions& options, DType precision, int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan) {
  model::Decoder::plan(architecture, capacity_for(options.micro_batch_tokens, precision, longest_sample), workspace_bytes, plan);
}

}  // namespace cheems::inference
