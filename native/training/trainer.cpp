#include "training/trainer.h"

#include <algorithm>
#include <cmath>

#include "backends/finish_at_end.h"
#include "batch/packed_tree.h"
#include "core/error.h"
#include "core/knobs.h"
#include "execution/session.h"
#include "losses/loss.h"
#include "training/optimizer.h"

namespace cheems::training {
namespace {

execution::SessionOptions session_options(const TrainerOptions& options, int64_t widest_head = 0) {
  return {.micro_batch_tokens = options.micro_batch_tokens,
          .share_prompts = options.share_prompts,
          .training = true,
          .checkpointing = options.gradient_checkpointing,
          .widest_head = widest_head};
}

// One micro-batch of a global batch: its samples, and the comparisons inside it.
struct MicroBatch {
  std::vector<int32_t> chosen;          // sample numbers
  std::vector<Comparison> comparisons;  // of sample numbers; once packed, of indices into tree.samples
  bool pairs_cross = false;             // some comparison's other sample is in another micro-batch
  PackedTree tree;             // packed just before it first runs: on a device, while the previous micro-batch computes
  std::vector<float> rewards;  // of tree.samples, once forward ran and the backend finished
};

// The rewards of micro-batches that have run, in the order of the samples.
void collect_rewards(const std::vector<MicroBatch>& batches, std::vector<float>& rewards) {
  for (const MicroBatch& batch : batches) {
    for (size_t r = 0; r < batch.rewards.size(); ++r)
      rewards[static_cast<size_t>(batch.tree.samples[r])] = batch.rewards[r];
  }
}

void refuse_experts(const model::Architecture& architecture) {
  if (architecture.num_experts == 0) return;
  fail("A model with experts (", architecture.family, ", ", architecture.num_experts,
       " per layer) cannot be trained here: this engine runs sparse experts only forward, for scoring and judging. "
       "Train a dense model.");
}

model::HeadGradients& head_of(model::RewardModel& model) {
  model::HeadGradients* head = model.reward_head().gradients();
  if (!head) fail("The model's reward head is of kind ", model.head().kind, ", which can score but cannot be trained.");
  return *head;
}

}  // namespace

struct Trainer::State {
  model::RewardModel& model;
  TrainerOptions options;
  Optimizer optimizer;
  execution::Session session;
  model::HeadGradients& head;
  std::unique_ptr<losses::Loss> loss;

  std::unique_ptr<Buffer> sums;      // [2] doubles: ranking loss and regulariser of the step
  std::unique_ptr<Buffer> crossing;  // rewards and their gradients of prompts that span micro-batches
  std::vector<int32_t> place;        // scratch: sample -> index in the tree's samples

  State(model::RewardModel& m, const TrainerOptions& o)
      : model(m),
        options(o),
        optimizer(m, o),
        session(m, session_options(o, m.reward_head().widest())),
        head(head_of(m)),
        loss(losses::bradley_terry(o.reg_coef)),
        sums(m.backend().allocate(2 * sizeof(double), "the loss")) {}

  // Planned, not yet packed.
  std::vector<MicroBatch> micro_batches(const Samples& samples, std::span<const Comparison> comparisons) const {
    std::vector<MicroBatch> batches;
    std::vector<size_t> batch_of(static_cast<size_t>(samples.count()));
    for (auto& chosen : session.micro_batches(samples)) {
      for (const int32_t sample : chosen) batch_of[static_cast<size_t>(sample)] = batches.size();
      batches.emplace_back().chosen = std::move(chosen);
    }
    for (const Comparison& c : comparisons) {
      const size_t a = batch_of[static_cast<size_t>(c.a)], b = batch_of[static_cast<size_t>(c.b)];
      if (a == b) batches[a].comparisons.push_back(c);
      else batches[a].pairs_cross = batches[b].pairs_cross = true;
    }
    return batches;
  }

  // With the order of tokens if a backward pass will need it.
  void pack(const Samples& samples, MicroBatch& batch, TokenOrder order) {
    if (batch.tree.rows() > 0) return;
    batch.tree = session.pack(samples, batch.chosen, order);
    if (order == TokenOrder::sorted && options.padding_token >= 0)
      leave_token_out(batch.tree, static_cast<int32_t>(options.padding_token));
    place.resize(static_cast<size_t>(samples.count()));
    for (size_t r = 0; r < batch.tree.samples.size(); ++r)
      place[static_cast<size_t>(batch.tree.samples[r])] = static_cast<int32_t>(r);
    for (Comparison& c : batch.comparisons)
      c.a = place[static_cast<size_t>(c.a)], c.b = place[static_cast<size_t>(c.b)];
  }

  // Its rewards arrive in batch.rewards with the backend's next download.
  model::HeadBatch forward(MicroBatch& batch, const Control& control) {
    model::Network& network = session.network();
    const model::HeadBatch computed{batch.tree, network.forward_hidden(batch.tree, control),
                                    network.rewards(batch.tree)};
    head.forward(computed);
    batch.rewards.resize(batch.tree.samples.size());
    const Range range(model.backend(), "download");
    model.backend().download_later(batch.rewards.data(), computed.rewards.data,
                                   static_cast<int64_t>(batch.rewards.size() * sizeof(float)));
    return computed;
  }
  // From the gradients of its rewards, which are in the network's d_rewards.
  void backward(const model::HeadBatch& computed, const Control& control) {
    model::Network& network = session.network();
    const model::ModelTensors& gradients = optimizer.gradients();
    const bool goes_on = gradients.any_of_network();
    head.backward(computed, network.d_rewards(computed.tree), goes_on ? network.d_hidden(computed.tree) : Tensor{},
                  gradients);
    if (goes_on) network.backward(computed.tree, gradients, control);
  }
  double* device_sums() const { return static_cast<double*>(sums->data()); }
};

Trainer::Trainer(model::RewardModel& model, const TrainerOptions& options) {
  refuse_experts(model.architecture());
  state_ = std::make_unique<State>(model, options);
  for (const auto& parameter : model.parameters().layout().parameters()) {
    if (options.trained && !options.trained(parameter)) continue;
    if (parameter.mapped && parameter.dtype == model.activations()) {
      fail(
          "The model was loaded with its weights left in their files, where they can score but cannot be trained; "
          "load it without keeping weights as stored.");
    }
    if (model.weight_dtype() == DType::float32 && parameter.is_matrix() && parameter.dtype != model.activations()) {
      fail("The model was loaded with ", name(parameter.dtype), " weights for ", name(model.activations()),
           " activations; these can score but cannot be trained. Load it without keeping 16-bit weights.");
    }
  }
  if (const int64_t vocab_size = model.architecture().vocab_size; options.padding_token >= vocab_size) {
    fail("The padding token ", options.padding_token, " is outside the model's vocabulary of ", vocab_size,
         " (vocab_size in config.json); correct pad_token_id there.");
  }
  if (options.optimizer_state == DType::float16)
    fail("The optimizer's state cannot be float16; use float32 or bfloat16.");
  if (options.optimizer_state == DType::bfloat16 && model.weight_dtype() != DType::float32) {
    fail("Weights that are trained rounded to ", name(model.weight_dtype()),
         " need a float32 copy and a float32 optimizer state. Use ", knob("optimizerState", "float32"), ", or ",
         knob("dtype", "float32"), ".");
  }
  if (model.weight_dtype() != DType::float32 && !model.float32_copy()) {
    fail("The model was loaded with its weights rounded to ", name(model.weight_dtype()),
         "; these can score but cannot be trained. Load it with float32_copy.");
  }
  if (options.optimizer_state == DType::bfloat16 && model.activations() != DType::bfloat16) {
    fail("A bfloat16 optimizer state needs bfloat16 weights, but this model's are ", name(model.activations()),
         ". Use ", knob("precision", "bfloat16"), " on a GPU, or ", knob("optimizerState", "float32"), ".");
  }
  if (options.optimizer_state == DType::bfloat16 && model.float32_copy())
    fail("The model was loaded with a float32 copy of its weights, which a bfloat16 optimizer state does not update.");
  if (options.optimizer_state == DType::float32 && model.activations() != DType::float32 && !model.float32_copy()) {
    fail("A float32 optimizer state needs a float32 copy of the weights beside their ", name(model.activations()),
         " copy; load the model with float32_copy.");
  }
}
Trainer::~Trainer() = default;

namespace {

// Loss and reward gradients of comparisons whose samples are in several micro-batches, over the rewards of all samples.
// The sums are accumulated on the device; `memory` is kept from step to step.
void loss_across(const std::vector<MicroBatch>& batches, std::span<const Comparison> comparisons,
                 const losses::Loss& loss, Backend& backend, const std::vector<float>& rewards, double* sums,
                 std::unique_ptr<Buffer>& memory, std::vector<float>& d_rewards) {
  const Range range(backend, "loss");
  std::vector<uint8_t> crossing(rewards.size(), 0);
  for (const MicroBatch& batch : batches) {
    for (const int32_t sample : batch.chosen) crossing[static_cast<size_t>(sample)] = batch.pairs_cross;
  }
  // The loss needs them contiguous.
  std::vector<int32_t> index(rewards.size(), -1);
  std::vector<Comparison> local;
  std::vector<float> local_rewards;
  for (size_t s = 0; s < rewards.size(); ++s) {
    if (!crossing[s]) continue;
    index[s] = static_cast<int32_t>(local_rewards.size());
    local_rewards.push_back(rewards[s]);
  }
  for (Comparison c : comparisons) {
    c.a = index[static_cast<size_t>(c.a)], c.b = index[static_cast<size_t>(c.b)];
    if (c.a >= 0 && c.b >= 0) local.push_back(c);
  }
  const auto count = static_cast<int64_t>(local_rewards.size()), bytes = count * static_cast<int64_t>(sizeof(float));
  if (!memory || memory->size() < 2 * bytes)
    memory = backend.allocate(4 * bytes, "the rewards of a prompt that spans micro-batches");
  auto* values = static_cast<float*>(memory->data());
  backend.upload(values, local_rewards.data(), bytes);
  loss.add(backend.operations(), {.sums = sums,
                                  .d_rewards = float_tensor(values + count, 1, count),
                                  .rewards = float_tensor(values, 1, count),
                                  .comparisons = local,
                                  .total_comparisons = static_cast<int64_t>(comparisons.size()),
                                  .total_rewards = static_cast<int64_t>(rewards.size())});
  std::vector<float> local_gradients(local_rewards.size());
  backend.download(local_gradients.data(), values + count, bytes);
  for (size_t s = 0; s < rewards.size(); ++s) {
    if (index[s] >= 0) d_rewards[s] = local_gradients[static_cast<size_t>(index[s])];
  }
}

}  // namespace

StepResult Trainer::step(const Samples& samples, std::span<const Comparison> comparisons,
                         const OptimizerStep& optimizer, const Control& control) {
  State& state = *state_;
  const Range range(state.model.backend(), "step", optimizer.step);
  state.session.check(samples);
  if (comparisons.empty())
    fail("The global batch has no pair, so there is nothing to rank. Annotate the prompts, or raise ",
         knob("globalBatchSize"), ".");
  check_comparisons(comparisons, samples.count());
  state.session.network_for(samples);
  Backend& backend = state.model.backend();
  StepResult result;
  result.rewards.resize(static_cast<size_t>(samples.count()));
  auto batches = state.micro_batches(samples, comparisons);
  const FinishAtEnd finish(backend);
  backend.zero(state.sums->data(), state.sums->size());
  result.micro_batches = static_cast<int64_t>(batches.size());
  try {
    // A prompt too large for one micro-batch: its pairs need all its rewards before any gradient can be computed.
    std::vector<float> d_rewards(result.rewards.size());
    bool any_cross = false;
    for (MicroBatch& batch : batches) {
      if (!batch.pairs_cross) continue;
      any_cross = true;
      state.pack(samples, batch, TokenOrder::sorted);
      state.forward(batch, control);
      result.computed_tokens += batch.tree.rows();
    }
    if (any_cross) {
      backend.finish();
      collect_rewards(batches, result.rewards);
      loss_across(batches, comparisons, *state.loss, backend, result.rewards, state.device_sums(), state.crossing,
                  d_rewards);
    }
    int64_t done = 0;
    for (MicroBatch& batch : batches) {
      state.pack(samples, batch, TokenOrder::sorted);
      const model::HeadBatch computed = state.forward(batch, control);
      const Tensor d_local = state.session.network().d_rewards(batch.tree);
      if (batch.pairs_cross) {
        std::vector<float> local;
        for (const int32_t sample : batch.tree.samples) local.push_back(d_rewards[static_cast<size_t>(sample)]);
        backend.upload(d_local.data, local.data(), static_cast<int64_t>(local.size() * sizeof(float)));
      } else {
        const Range range(backend, "loss");
        state.loss->add(backend.operations(), {.sums = state.device_sums(),
                                               .d_rewards = d_local,
                                               .rewards = computed.rewards,
                                               .comparisons = batch.comparisons,
                                               .total_comparisons = static_cast<int64_t>(comparisons.size()),
                                               .total_rewards = samples.count()});
      }
      state.backward(computed, control);
      result.computed_tokens += batch.tree.rows();
      done += static_cast<int64_t>(batch.chosen.size());
      control.report(done, samples.count(), result.computed_tokens);
    }
    // The only place that waits for a device before the update: a loss that is not finite must leave the weights
    // unchanged.
    double sums[2];
    {
      const Range range(backend, "download");
      backend.download(sums, state.sums->data(), sizeof sums);
    }
    collect_rewards(batches, result.rewards);
    result.ranking_loss = sums[0];
    result.regulariser = sums[1];
    result.loss = state.loss->total(sums[0], sums[1]);
    if (!std::isfinite(result.loss)) {
      state.model.parameters().check_mapped_finite();
      fail("The loss of step ", optimizer.step, " is not finite (", result.loss,
           "): training has diverged, or the weights hold extreme values. Lower ", knob("learningRate"),
           ", and resume from the last checkpoint.");
    }
    control.check();
    state.optimizer.mark_tokens(samples.tokens);
    result.gradient_norm = state.optimizer.update(optimizer);
  } catch (...) {
    try {
      state.optimizer.clear_gradients();
    } catch (const std::exception&) {
      // The device has failed: the first error is already on its way, and the gradients are lost.
    }
    throw;
  }
  return result;
}

std::vector<float> Trainer::score(const Samples& samples, const Control& control) {
  State& state = *state_;
  const Range range(state.model.backend(), "score");
  state.session.check(samples);
  state.session.network_for(samples);
  std::vector<float> rewards(static_cast<size_t>(samples.count()));
  int64_t done = 0, tokens = 0;
  auto batches = state.micro_batches(samples, {});
  const FinishAtEnd finish(state.model.backend());
  for (MicroBatch& batch : batches) {
    state.pack(samples, batch, TokenOrder::none);
    state.forward(batch, control);
    done += static_cast<int64_t>(batch.chosen.size());
    tokens += batch.tree.rows();
    control.report(done, samples.count(), tokens);
  }
  state.model.backend().finish();
  collect_rewards(batches, rewards);
  return rewards;
}

void Trainer::save_optimizer(const std::string& path) const { state_->optimizer.save(path); }
void Trainer::load_optimizer(const std::string& path) { state_->optimizer.load(path); }

int64_t Trainer::checkpoint_bytes(const model::Architecture& architecture, const TrainerOptions& options,
                                  DType exact_matrices, DType weight_dtype, const model::ModelEnd& end) {
  const auto saved_as = weight_dtype == DType::float32 ? std::nullopt : std::optional(weight_dtype);
  return model::RewardModel::saved_bytes(architecture, exact_matrices, saved_as, end) +
         Optimizer::saved_bytes(architecture, options, weight_dtype, end);
}

void Trainer::plan(const model::Architecture& architecture, const TrainerOptions& options, DType precision,
                   int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan,
                   const model::ModelEnd& end) {
  refuse_experts(architecture);
  model::require_decoder(architecture, "training");
  Optimizer::plan(architecture, options, end, plan);
  execution::Session::plan(architecture, session_options(options), precision, longest_sample, workspace_bytes, plan);
}

}  // namespace cheems::training
