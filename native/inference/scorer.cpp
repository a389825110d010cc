#include "inference/scorer.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "backends/finish_at_end.h"
#include "batch/packed_tree.h"
#include "core/error.h"
#include "execution/session.h"

namespace cheems::inference {
namespace {

execution::SessionOptions session_options(const ScorerOptions& options, int64_t widest_head = 0) {
  return {.micro_batch_tokens = options.micro_batch_tokens,
          .share_prompts = options.share_prompts,
          .widest_head = widest_head};
}

void check_readouts_fit(const Samples& samples, const model::HeadFacts& head) {
  if (head.readout == model::Readout::last_token) {
    if (!samples.readout_offsets.empty())
      fail("The model's head (", head.kind,
           ") reads the last token of each sample, so the batch must have no readouts.");
    return;
  }
  if (samples.readout_offsets.empty())
    fail("The model's head (", head.kind,
         ") reads more than the last token of each sample: give the others as readouts.");
  for (int32_t s = 0; s < samples.count(); ++s) {
    if (head.readout == model::Readout::prompt_and_last && samples.readouts_of(s) != 2)
      fail("Sample ", s, " of the batch has ", samples.readouts_of(s),
           " readouts; the model's head reads two: the gate's position in the prompt and the last token.");
  }
}

// A micro-batch that is under way, and the memory that its downloads arrive in.
struct MicroBatch {
  PackedTree tree;
  int64_t count = 0;           // samples
  model::HeadOutputs outputs;  // of the head's layers
  int64_t download = 0;        // with which all outputs are there
};

}  // namespace

struct Scorer::State {
  model::RewardModel& model;
  execution::Session session;

  State(model::RewardModel& m, const ScorerOptions& options)
      : model(m), session(m, session_options(options, m.reward_head().widest())) {}

  // Runs the micro-batch on the backend, up to the download of the head's outputs.
  void launch(MicroBatch& batch, const Control& control) {
    model::Network& network = session.network();
    const Tensor hidden = network.forward_hidden(batch.tree, control);
    batch.download = model.reward_head().launch({batch.tree, hidden, network.rewards(batch.tree)}, batch.outputs);
  }

  // Stores them at the positions of the caller's samples.
  void collect(MicroBatch& batch, const Samples& samples, std::vector<float>& all) const {
    const bool every_step = model.head().readout == model::Readout::every_step;
    const std::vector<float> rewards = model.reward_head().rewards(batch.outputs, batch.tree);
    // For a sample's consecutive readouts: either each has a reward, or all of them together have one.
    size_t reward = 0;
    for (size_t readout = 0; readout < batch.tree.samples.size();) {
      const int32_t sample = batch.tree.samples[readout];
      const auto readouts = static_cast<size_t>(samples.readouts_of(sample)), count = every_step ? readouts : 1;
      const size_t to = every_step ? static_cast<size_t>(samples.readout_offsets[static_cast<size_t>(sample)])
                                   : static_cast<size_t>(sample);
      for (size_t i = 0; i < count; ++i, ++reward) {
        if (!std::isfinite(rewards[reward])) {
          model.parameters().check_mapped_finite();
          fail("The reward of sample ", sample,
               " of the batch is not finite: the model's weights overflow float32. Check the model folder.");
        }
        all[to + i] = rewards[reward];
      }
      readout += readouts;
    }
  }
};

Scorer::Scorer(model::RewardModel& model, const ScorerOptions& options) : state_(new State(model, options)) {}
Scorer::~Scorer() = default;

Scorer::Result Scorer::score(const Samples& samples, const Control& control) {
  const Range range(state_->model.backend(), "score");
  state_->session.check(samples);
  const bool every_step = state_->model.head().readout == model::Readout::every_step;
  check_readouts_fit(samples, state_->model.head());
  state_->session.network_for(samples);
  Result result;
  result.rewards.resize(every_step ? samples.readouts.size() : static_cast<size_t>(samples.count()));
  Backend& backend = state_->model.backend();
  int64_t done = 0;
  std::deque<MicroBatch>
      under_way;  // one computing, one queued: the device never waits for the host to pack and launch
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
  for (const auto& chosen : state_->session.micro_batches(samples)) {
    MicroBatch& batch = under_way.emplace_back();
    batch.tree = state_->session.pack(samples, chosen, TokenOrder::none);
    batch.count = static_cast<int64_t>(chosen.size());
    state_->launch(batch, control);
    while (under_way.size() > 1 || (!under_way.empty() && backend.arrived(under_way.front().download))) collect_first();
  }
  while (!under_way.empty()) collect_first();
  return result;
}

void Scorer::plan(const model::Architecture& architecture, const ScorerOptions& options, DType precision,
                  int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan) {
  execution::Session::plan(architecture, session_options(options), precision, longest_sample, workspace_bytes, plan);
}

}  // namespace cheems::inference
