#include "inference/scorer.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "backends/finish_at_end.h"
#include "batch/packed_tree.h"
#include "core/error.h"
#include "model/decoder.h"
#include "model/encoder.h"

namespace cheems::inference {
namespace {

model::ActivationCapacity capacity_for(int64_t budget, DType precision, int64_t longest_sample, int64_t most_readouts = 1, int64_t widest_head = 0) {
  model::ActivationCapacity capacity;
  capacity.dtype = precision;
  capacity.rows = std::max(budget, longest_sample);
  capacity.rewards = std::max(reward_capacity(capacity.rows), most_readouts);
  capacity.longest_path = longest_sample;
  capacity.widest_head = widest_head;
  return capacity;
}

int64_t longest_of(const Samples& samples) {
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < samples.offsets.size(); ++s) longest = std::max<int64_t>(longest, samples.offsets[s + 1] - samples.offsets[s]);
  return longest;
}

int64_t most_readouts(const Samples& samples) {
  int64_t most = 1;
  for (int32_t s = 0; s < samples.count(); ++s) most = std::max(most, samples.readouts_of(s));
  return most;
}

void check_readouts_fit(const Samples& samples, const model::HeadFacts& head) {
  if (head.readout == model::Readout::last_token) {
    if (!samples.readout_offsets.empty()) fail("The model's head (", head.kind, ") reads the last token of each sample; no readouts are to be given.");
    return;
  }
  if (samples.readout_offsets.empty()) fail("The model's head (", head.kind, ") reads more than the last token of each sample: say which (readouts).");
  for (int32_t s = 0; s < samples.count(); ++s) {
    if (head.readout == model::Readout::prompt_and_last && samples.readouts_of(s) != 2) fail("Sample ", s, " of the batch has ", samples.readouts_of(s), " readouts; the model's head reads two, the gate's place in the prompt and the last token.");
  }
}

// One that is under way, and what its downloads end in.
struct MicroBatch {
  PackedTree tree;
  int64_t count = 0;           // samples
  model::HeadOutputs outputs;  // of a head's layers; of a linear head one list, a product for each of the tree's rewards
  int64_t download = 0;        // with which all outputs are there
};

}  // namespace

struct Scorer::State {
  model::RewardModel& model;
  ScorerOptions options;
  std::unique_ptr<model::Decoder> decoder;
  std::unique_ptr<model::Encoder> encoder;  // in the decoder's place

  bool share_prompts() const { return options.share_prompts && !model.architecture().is_encoder(); }

  // Memory for such samples; taken again, larger, only when longer ones or more readouts come than ever before.
  void ensure_capacity(int64_t longest, int64_t readouts) {
    if (model.architecture().is_encoder()) return ensure_encoder(longest);
    if (decoder && decoder->capacity().longest_path >= longest && decoder->capacity().rewards >= readouts) return;
    const int64_t known = decoder ? decoder->capacity().longest_path : 0;
    decoder.reset();
    const int64_t widest_head = model.layered_head() ? model.layered_head()->widest() : 0;
    const auto capacity = capacity_for(options.micro_batch_tokens, model.precision(), std::max({longest, longest > known ? 2 * known : known, int64_t{256}}), readouts, widest_head);
    decoder = std::make_unique<model::Decoder>(model.architecture(), model.parameters().tensors(), model.backend(), capacity);
  }

  void ensure_encoder(int64_t longest) {
    const int64_t known = encoder ? encoder->capacity().longest_path : 0;
    if (known >= longest) return;
    encoder.reset();
    const auto& parameters = model.parameters();
    const auto tensors = model::encoder_tensors(parameters.layout(), model.architecture(), parameters.data());
    const auto capacity = capacity_for(options.micro_batch_tokens, model.precision(), std::max({longest, 2 * known, int64_t{512}}));
    encoder = std::make_unique<model::Encoder>(model.architecture(), tensors, model.backend(), capacity);
  }

  // Puts the micro-batch on the backend, up to the download of what its rewards are made of.
  void launch(MicroBatch& batch, const Control& control) {
    if (model.layered_head()) {
      batch.download = model.layered_head()->launch(decoder->forward_hidden(batch.tree, control), batch.outputs);
      return;
    }
    if (encoder) encoder->forward(batch.tree, control);
    else decoder->forward(batch.tree, control);
    const Tensor rewards = encoder ? encoder->rewards(batch.tree) : decoder->rewards(batch.tree);
    auto& outputs = batch.outputs.emplace_back(static_cast<size_t>(batch.tree.rewards()));
    batch.download = model.backend().download_later(outputs.data(), rewards.data, static_cast<int64_t>(outputs.size() * sizeof(float)));
  }

  // Its rewards, once the download has arrived: one a sample, or one a readout.
  std::vector<float> rewards_of(MicroBatch& batch) const {
    if (model.layered_head()) return model.layered_head()->rewards(batch.outputs, batch.tree);
    std::vector<float> rewards = std::move(batch.outputs[0]);
    if (!encoder && !model.head_rule().plain()) std::transform(rewards.begin(), rewards.end(), rewards.begin(), [&](float product) { return model.head_rule().apply(product); });
    return rewards;
  }

  // Puts them where the caller's samples have theirs.
  void collect(MicroBatch& batch, const Samples& samples, std::vector<float>& all) const {
    const bool every_step = model.head().readout == model::Readout::every_step;
    const std::vector<float> rewards = rewards_of(batch);
    // Of a sample's readouts, which stand next to each other: each has a reward, or all of them one.
    size_t reward = 0;
    for (size_t readout = 0; readout < batch.tree.samples.size();) {
      const int32_t sample = batch.tree.samples[readout];
      const auto readouts = static_cast<size_t>(samples.readouts_of(sample)), count = every_step ? readouts : 1;
      const size_t to = every_step ? static_cast<size_t>(samples.readout_offsets[static_cast<size_t>(sample)]) : static_cast<size_t>(sample);
      for (size_t i = 0; i < count; ++i, ++reward) {
        if (!std::isfinite(rewards[reward])) {
          model.parameters().check_mapped_finite();
          fail("The reward of sample ", sample, " of the batch is not finite: the model's weights overflow float32. Check the model folder.");
        }
        all[to + i] = rewards[reward];
      }
      readout += readouts;
    }
  }
};

Scorer::Scorer(model::RewardModel& model, const ScorerOptions& options) : state_(new State{model, options, nullptr, nullptr}) {
  if (options.micro_batch_tokens <= 0) fail("micro_batch_tokens is ", options.micro_batch_tokens, "; it must be at least 1.");
}
Scorer::~Scorer() = default;

Scorer::Result Scorer::score(const Samples& samples, const Control& control) {
  const Range range(state_->model.backend(), "score");
  const auto& architecture = state_->model.architecture();
  // An encoder's relative positions have no end: its farthest bucket holds all that is beyond.
  check_samples(samples, architecture.vocab_size, architecture.is_encoder() ? 0 : architecture.max_position_embeddings);
  const bool every_step = state_->model.head().readout == model::Readout::every_step;
  check_readouts_fit(samples, state_->model.head());
  state_->ensure_capacity(longest_of(samples), most_readouts(samples));
  Result result;
  result.rewards.resize(every_step ? samples.readouts.size() : static_cast<size_t>(samples.count()));
  Backend& backend = state_->model.backend();
  int64_t done = 0;
  std::deque<MicroBatch> under_way;  // one computing, one behind it: the device never waits for the host to pack and launch
  const FinishAtEnd finish(backend);
  const auto collect_first = [&] {
    MicroBatch& first = under_way.front();
    {
      const Range range(backend, "download");
      backend.wait_for(first.download);
    }
    state_->collect(first, samples, result.rewards);
    done += first.count;
    result.computed_tokens += first.tree.rows();
    under_way.pop_front();
    control.report(done, samples.count(), result.computed_tokens);
  };
  for (const auto& chosen : plan_micro_batches(samples, state_->options.micro_batch_tokens, state_->share_prompts())) {
    MicroBatch& batch = under_way.emplace_back();
    {
      const Range range(backend, "pack");
      batch.tree = pack_tree(samples, chosen, state_->share_prompts(), TokenOrder::none);
    }
    batch.count = static_cast<int64_t>(chosen.size());
    state_->launch(batch, control);
    while (under_way.size() > 1 || (!under_way.empty() && backend.arrived(under_way.front().download))) collect_first();
  }
  while (!under_way.empty()) collect_first();
  return result;
}

void Scorer::plan(const model::Architecture& architecture, const ScorerOptions& options, DType precision, int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan) {
  if (architecture.is_encoder()) return model::Encoder::plan(architecture, capacity_for(options.micro_batch_tokens, precision, longest_sample), workspace_bytes, plan);
  model::Decoder::plan(architecture, capacity_for(options.micro_batch_tokens, precision, longest_sample), workspace_bytes, plan);
}

}  // namespace cheems::inference
