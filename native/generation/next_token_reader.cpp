#include "generation/next_token_reader.h"

#include <algorithm>

#include "batch/packed_tree.h"
#include "core/error.h"
#include "generation/logits.h"
#include "generation/sampling.h"
#include "model/decoder.h"

namespace cheems::generation {
namespace {

constexpr int64_t kLeastPath = 256;
constexpr int64_t kPlannedPath = 8192;

model::ActivationCapacity capacity_for(const model::CausalModel& model, int64_t micro_batch_tokens, int64_t longest_path) {
  model::ActivationCapacity capacity;
  capacity.longest_path = longest_path;
  capacity.rows = std::max(micro_batch_tokens, longest_path);
  capacity.rewards = reward_capacity(capacity.rows);
  capacity.dtype = capacity.final_dtype = model.precision();
  return capacity;
}

}  // namespace

int64_t NextTokenReader::planned_bytes(const model::CausalModel& model, int64_t micro_batch_tokens) {
  const int64_t longest = std::min(kPlannedPath, std::max(kLeastPath, model.architecture().max_position_embeddings));
  MemoryPlan plan;
  model::Decoder::plan(model.architecture(), capacity_for(model, micro_batch_tokens, longest),
                       [&](const WorkspaceRequest& request) { return model.backend().operations().workspace_bytes(request); }, plan);
  return plan.total();
}

struct NextTokenReader::State {
  const model::CausalModel& model;
  int64_t micro_batch_tokens;
  std::unique_ptr<model::Decoder> decoder;
  std::unique_ptr<Logits> logits;

  // Memory for prompts of that length; taken again, larger, only when a longer one comes than ever before.
  void ensure_capacity(int64_t longest) {
    if (decoder && decoder->capacity().longest_path >= longest) return;
    const int64_t known = decoder ? decoder->capacity().longest_path : 0;
    decoder.reset();
    const auto capacity = capacity_for(model, micro_batch_tokens, std::max({longest, 2 * known, kLeastPath}));
    decoder = std::make_unique<model::Decoder>(model.architecture(), model.parameters().tensors(), model.backend(), capacity);
    logits = std::make_unique<Logits>(model, capacity.rewards);
  }
};

NextTokenReader::NextTokenReader(const model::CausalModel& model, int64_t micro_batch_tokens) : state_(new State{model, micro_batch_tokens, nullptr, nullptr}) {
  if (micro_batch_tokens < 1) fail("micro_batch_tokens is ", micro_batch_tokens, "; it must be at least 1.");
}
NextTokenReader::~NextTokenReader() = default;

NextTokens NextTokenReader::read(const Samples& prompts, int64_t count, const Control& control) {
  const auto& architecture = state_->model.architecture();
  check_samples(prompts, architecture.vocab_size, architecture.max_position_embeddings);
  if (count < 1 || count > architecture.vocab_size) fail("count is ", count, "; it must be from 1 to the vocabulary's ", architecture.vocab_size, " tokens.");
  int64_t longest = 1;
  for (size_t s = 0; s + 1 < prompts.offsets.size(); ++s) longest = std::max<int64_t>(longest, prompts.offsets[s + 1] - prompts.offsets[s]);
  state_->ensure_capacity(longest);
  NextTokens result{std::vector<int32_t>(static_cast<size_t>(prompts.count() * count)), std::vector<float>(static_cast<size_t>(prompts.count() * count))};
  int64_t done = 0, tokens = 0;
  for (const auto& chosen : plan_micro_batches(prompts, state_->micro_batch_tokens, true)) {
    const PackedTree tree = pack_tree(prompts, chosen, true, TokenOrder::none);
    const Tensor hidden = state_->decoder->forward_hidden(tree, control);
    state_->logits->for_each_row(hidden, control, [&](int64_t row, std::span<const float> logits) {
      const auto best = likeliest_tokens(logits, count);
      for (size_t r = 0; r < tree.samples.size(); ++r) {
        if (tree.reward_index[r] != row) continue;
        for (size_t i = 0; i < best.size(); ++i) {
          const size_t at = static_cast<size_t>(tree.samples[r] * count) + i;
          result.ids[at] = best[i].first;
          result.log_probabilities[at] = best[i].second;
        }
      }
    });
    done += static_cast<int64_t>(chosen.size());
    tokens += tree.rows();
    control.report(done, prompts.count(), tokens);
  }
  return result;
}

}  // namespace cheems::generation
