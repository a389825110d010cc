#include "training/trainer.h"

#include <algorithm>
#include <cmath>

#include "batch/packed_tree.h"
#include "core/error.h"
#include "model/decoder.h"
#include "training/optimizer.h"

namespace cheems::training {
namespace {

model::ActivationCapacity capacity_for(const TrainerOptions& options, int64_t longest_sample) {
  model::ActivationCapacity capacity;
  capacity.rows = std::max(options.micro_batch_tokens, longest_sample);
  capacity.rewards = reward_capacity(capacity.rows);
  capacity.longest_path = longest_sample;
  capacity.training = true;
  capacity.checkpointing = options.gradient_checkpointing;
  return capacity;
}

int64_t longest_of(const Samples& samples) {
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < samples.offsets.size(); ++s) longest = std::max<int64_t>(longest, samples.offsets[s + 1] - samples.offsets[s]);
  return longest;
}

// One micro-batch of a global batch: its samples, and the pairs that lie inside it.
struct MicroBatch {
  std::vector<int32_t> chosen;  // sample numbers
  PackedTree tree;
  std::vector<int32_t> pairs;   // as indices into tree.samples
  bool pairs_cross = false;     // some pair has its other side in another micro-batch
};

void check_pairs(std::span<const int32_t> pairs, int64_t samples) {
  if (pairs.empty()) fail("The global batch has no pair, so there is nothing to rank. Annotate the prompts, or raise --global_batch_size.");
  if (pairs.size() % 2 != 0) fail("The list of pairs has ", pairs.size(), " entries; it must hold a chosen and a rejected sample for each pair.");
  for (size_t p = 0; p < pairs.size(); p += 2) {
    for (const int32_t sample : {pairs[p], pairs[p + 1]}) {
      if (sample < 0 || sample >= samples) fail("Pair ", p / 2, " names sample ", sample, " of a batch of ", samples, " samples.");
    }
    if (pairs[p] == pairs[p + 1]) fail("Pair ", p / 2, " compares sample ", pairs[p], " with itself.");
  }
}

}  // namespace

struct Trainer::State {
  model::RewardModel& model;
  TrainerOptions options;
  Optimizer optimizer;
  std::unique_ptr<model::Decoder> decoder;

  State(model::RewardModel& m, const TrainerOptions& o) : model(m), options(o), optimizer(m) {}

  void ensure_capacity(int64_t longest) {
    if (decoder && decoder->capacity().longest_path >= longest) return;
    const int64_t known = decoder ? decoder->capacity().longest_path : 0;
    decoder.reset();
    decoder = std::make_unique<model::Decoder>(model.architecture(), model.parameters().tensors(), model.backend(), capacity_for(options, std::max({longest, 2 * known, int64_t{256}})));
  }

  void check(const Samples& samples) const { check_samples(samples, model.architecture().vocab_size, model.architecture().max_position_embeddings); }

  std::vector<MicroBatch> micro_batches(const Samples& samples, std::span<const int32_t> pairs) const {
    std::vector<MicroBatch> batches;
    std::vector<std::pair<int32_t, int32_t>> place(static_cast<size_t>(samples.count()));  // sample -> micro-batch, index in it
    for (auto& chosen : plan_micro_batches(samples, options.micro_batch_tokens, options.share_prompts)) {
      MicroBatch batch;
      batch.tree = pack_tree(samples, chosen, options.share_prompts);
      batch.chosen = std::move(chosen);
      for (size_t r = 0; r < batch.tree.samples.size(); ++r) place[static_cast<size_t>(batch.tree.samples[r])] = {static_cast<int32_t>(batches.size()), static_cast<int32_t>(r)};
      batches.push_back(std::move(batch));
    }
    for (size_t p = 0; p < pairs.size(); p += 2) {
      const auto [chosen_batch, chosen] = place[static_cast<size_t>(pairs[p])];
      const auto [rejected_batch, rejected] = place[static_cast<size_t>(pairs[p + 1])];
      MicroBatch& batch = batches[static_cast<size_t>(chosen_batch)];
      if (chosen_batch == rejected_batch) {
        batch.pairs.insert(batch.pairs.end(), {chosen, rejected});
      } else {
        batch.pairs_cross = batches[static_cast<size_t>(rejected_batch)].pairs_cross = true;
      }
    }
    return batches;
  }

  void forward(const MicroBatch& batch, const Control& control, std::vector<float>& rewards) {
    decoder->forward(batch.tree, control);
    std::vector<float> local(batch.tree.samples.size());
    model.backend().download(local.data(), decoder->rewards(batch.tree).data, static_cast<int64_t>(local.size() * sizeof(float)));
    for (size_t r = 0; r < local.size(); ++r) rewards[static_cast<size_t>(batch.tree.samples[r])] = local[r];
  }
};

Trainer::Trainer(model::RewardModel& model, const TrainerOptions& options) : state_(std::make_unique<State>(model, options)) {
  if (options.micro_batch_tokens <= 0) fail("micro_batch_tokens is ", options.micro_batch_tokens, "; it must be at least 1.");
  for (const auto& parameter : model.parameters().layout().parameters()) {
    if (parameter.dtype != DType::float32) fail("The model was loaded with 16-bit weights, which can be scored with but not trained; load it with float32 weights.");
  }
}
Trainer::~Trainer() = default;

namespace {

// Loss and reward gradients of pairs whose samples lie in several micro-batches, over the rewards of all samples.
void loss_across(const std::vector<MicroBatch>& batches, std::span<const int32_t> pairs, const TrainerOptions& options, Backend& backend, const std::vector<float>& rewards,
                 StepResult& result, std::vector<float>& d_rewards) {
  std::vector<uint8_t> crossing(rewards.size(), 0);
  for (const MicroBatch& batch : batches) {
    for (const int32_t sample : batch.chosen) crossing[static_cast<size_t>(sample)] = batch.pairs_cross;
  }
  // The loss wants them side by side.
  std::vector<int32_t> index(rewards.size(), -1), local_pairs;
  std::vector<float> local_rewards;
  for (size_t s = 0; s < rewards.size(); ++s) {
    if (!crossing[s]) continue;
    index[s] = static_cast<int32_t>(local_rewards.size());
    local_rewards.push_back(rewards[s]);
  }
  for (size_t p = 0; p < pairs.size(); p += 2) {
    const int32_t chosen = index[static_cast<size_t>(pairs[p])], rejected = index[static_cast<size_t>(pairs[p + 1])];
    if (chosen >= 0 && rejected >= 0) local_pairs.insert(local_pairs.end(), {chosen, rejected});
  }
  const auto count = static_cast<int64_t>(local_rewards.size()), bytes = count * static_cast<int64_t>(sizeof(float));
  const auto memory = backend.allocate(2 * bytes, "the rewards of a prompt that spans micro-batches");
  auto* values = static_cast<float*>(memory->data());
  backend.upload(values, local_rewards.data(), bytes);
  backend.operations().ranking_loss({.ranking = &result.ranking_loss, .regulariser = &result.regulariser, .d_rewards = float_tensor(values + count, 1, count),
                                     .rewards = float_tensor(values, 1, count), .pairs = local_pairs, .total_pairs = static_cast<int64_t>(pairs.size() / 2),
                                     .total_rewards = static_cast<int64_t>(rewards.size()), .reg_coef = options.reg_coef});
  std::vector<float> local_gradients(local_rewards.size());
  backend.download(local_gradients.data(), values + count, bytes);
  for (size_t s = 0; s < rewards.size(); ++s) {
    if (index[s] >= 0) d_rewards[s] = local_gradients[static_cast<size_t>(index[s])];
  }
}

}  // namespace

StepResult Trainer::step(const Samples& samples, std::span<const int32_t> pairs, const OptimizerStep& optimizer, const Control& control) {
  State& state = *state_;
  state.check(samples);
  check_pairs(pairs, samples.count());
  state.ensure_capacity(longest_of(samples));
  Backend& backend = state.model.backend();
  StepResult result;
  result.rewards.resize(static_cast<size_t>(samples.count()));
  const auto batches = state.micro_batches(samples, pairs);
  result.micro_batches = static_cast<int64_t>(batches.size());
  try {
    // A prompt too large for one micro-batch: its pairs need all its rewards before any gradient is known.
    std::vector<float> d_rewards(result.rewards.size());
    bool any_cross = false;
    for (const MicroBatch& batch : batches) {
      if (!batch.pairs_cross) continue;
      any_cross = true;
      state.forward(batch, control, result.rewards);
      result.computed_tokens += batch.tree.rows();
    }
    if (any_cross) loss_across(batches, pairs, state.options, backend, result.rewards, result, d_rewards);
    int64_t done = 0;
    for (const MicroBatch& batch : batches) {
      state.forward(batch, control, result.rewards);
      const Tensor d_local = state.decoder->d_rewards(batch.tree);
      if (batch.pairs_cross) {
        std::vector<float> local;
        for (const int32_t sample : batch.tree.samples) local.push_back(d_rewards[static_cast<size_t>(sample)]);
        backend.upload(d_local.data, local.data(), static_cast<int64_t>(local.size() * sizeof(float)));
      } else {
        backend.operations().ranking_loss({.ranking = &result.ranking_loss, .regulariser = &result.regulariser, .d_rewards = d_local, .rewards = state.decoder->rewards(batch.tree),
                                           .pairs = batch.pairs, .total_pairs = static_cast<int64_t>(pairs.size() / 2), .total_rewards = samples.count(), .reg_coef = state.options.reg_coef});
      }
      state.decoder->backward(batch.tree, state.optimizer.gradients(), control);
      result.computed_tokens += batch.tree.rows();
      done += static_cast<int64_t>(batch.chosen.size());
      control.report(done, samples.count(), result.computed_tokens);
    }
    result.loss = result.ranking_loss + (state.options.reg_coef > 0 ? static_cast<double>(state.options.reg_coef) * result.regulariser : 0.0);
    if (!std::isfinite(result.loss)) {
      fail("The loss of step ", optimizer.step, " is not finite (", result.loss, "): training has diverged, or the weights hold extreme values. Lower --learning_rate, and resume from the last checkpoint.");
    }
    control.check();
    state.optimizer.mark_tokens(samples.tokens);
    result.gradient_norm = state.optimizer.update(optimizer);
  } catch (...) {
    state.optimizer.clear_gradients();
    throw;
  }
  return result;
}

std::vector<float> Trainer::score(const Samples& samples, const Control& control) {
  State& state = *state_;
  state.check(samples);
  state.ensure_capacity(longest_of(samples));
  std::vector<float> rewards(static_cast<size_t>(samples.count()));
  int64_t done = 0, tokens = 0;
  for (const auto& batch : state.micro_batches(samples, {})) {
    state.forward(batch, control, rewards);
    done += static_cast<int64_t>(batch.chosen.size());
    tokens += batch.tree.rows();
    control.report(done, samples.count(), tokens);
  }
  return rewards;
}

void Trainer::save_optimizer(const std::string& path) const { state_->optimizer.save(path); }
void Trainer::load_optimizer(const std::string& path) { state_->optimizer.load(path); }

void Trainer::plan(const model::Architecture& architecture, const TrainerOptions& options, int64_t longest_sample, Backend& backend, MemoryPlan& plan) {
  Optimizer::plan(architecture, plan);
  model::Decoder::plan(architecture, capacity_for(options, longest_sample), backend, plan);
}

}  // namespace cheems::training
