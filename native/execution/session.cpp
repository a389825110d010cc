#include "execution/session.h"

#include <algorithm>

#include "core/error.h"

namespace cheems::execution {
namespace {

int64_t longest_of(const Samples& samples) {
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < samples.offsets.size(); ++s) {
    longest = std::max<int64_t>(longest, samples.offsets[s + 1] - samples.offsets[s]);
  }
  return longest;
}

int64_t most_readouts(const Samples& samples) {
  int64_t most = 1;
  for (int32_t s = 0; s < samples.count(); ++s) most = std::max(most, samples.readouts_of(s));
  return most;
}

model::ActivationCapacity capacity_for(const SessionOptions& options, DType precision, int64_t longest_sample,
                                       int64_t readouts) {
  model::ActivationCapacity capacity;
  capacity.dtype = precision;
  capacity.final_dtype = options.hidden_dtype;
  capacity.rows = std::max(options.micro_batch_tokens, longest_sample);
  capacity.rewards = std::max(reward_capacity(capacity.rows), readouts);
  capacity.longest_path = longest_sample;
  capacity.widest_head = options.widest_head;
  capacity.training = options.training;
  capacity.checkpointing = options.checkpointing;
  return capacity;
}

}  // namespace

Session::Session(const model::Architecture& architecture, const model::Parameters& parameters, DType precision,
                 Backend& backend, const SessionOptions& options)
    : architecture_(architecture),
      parameters_(parameters),
      precision_(precision),
      backend_(backend),
      options_(options) {
  if (options.micro_batch_tokens < 1) {
    fail("micro_batch_tokens is ", options.micro_batch_tokens, "; it must be at least 1.");
  }
}

bool Session::shares_prompts() const { return options_.share_prompts && model::body_of(architecture_).shares_prompts; }

void Session::check(const Samples& samples) const {
  const int64_t most = model::body_of(architecture_).any_length ? 0 : architecture_.max_position_embeddings;
  check_samples(samples, architecture_.vocab_size, most);
}

model::Network& Session::network_for(const Samples& samples) {
  const int64_t longest = longest_of(samples), readouts = most_readouts(samples);
  const int64_t known = network_ ? network_->capacity().longest_path : 0;
  if (network_ && known >= longest && network_->capacity().rewards >= readouts) return *network_;
  const int64_t grown = longest > known ? 2 * known : known;
  const int64_t path = std::max({longest, grown, model::body_of(architecture_).least_path});
  return network_with(capacity_for(options_, precision_, path, readouts));
}

model::Network& Session::network_with(const model::ActivationCapacity& capacity) {
  network_.reset();  // before more memory is allocated
  network_ = model::body_of(architecture_).make(architecture_, parameters_, backend_, capacity);
  return *network_;
}

std::vector<std::vector<int32_t>> Session::micro_batches(const Samples& samples) const {
  const Range range(backend_, "plan");
  return plan_micro_batches(samples, options_.micro_batch_tokens, shares_prompts());
}

PackedTree Session::pack(const Samples& samples, std::span<const int32_t> chosen, TokenOrder order) const {
  const Range range(backend_, "pack");
  return pack_tree(samples, chosen, shares_prompts(), order);
}

void Session::plan(const model::Architecture& architecture, const SessionOptions& options, DType precision,
                   int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan) {
  model::body_of(architecture)
      .plan(architecture, capacity_for(options, precision, longest_sample, 1), workspace_bytes, plan);
}

}  // namespace cheems::execution
