#include "model/heads/pooler.h"

#include "core/arena.h"
#include "core/error.h"
#include "model/heads/heads.h"
#include "ops/gelu/gelu.h"
#include "ops/linear/linear.h"
#include "ops/operations.h"

namespace cheems::model {

PoolerHead::PoolerHead(const WeightAndBias& pooler, const WeightAndBias& classifier, Backend& backend)
    : pooler_(pooler), classifier_(classifier), backend_(backend) {}

int64_t PoolerHead::scratch_bytes(int64_t hidden_size, int64_t samples) {
  Arena counter;
  counter.floats(samples, hidden_size);
  return counter.used();
}

// All of it in float32: 16-bit rewards would create false ties.
int64_t PoolerHead::launch(const HeadBatch& batch, HeadOutputs& outputs) {
  const Tensor& hidden = batch.hidden;
  const int64_t bytes = scratch_bytes(hidden.columns, hidden.rows);
  if (!scratch_ || scratch_->size() < bytes) {
    scratch_.reset();
    scratch_ = backend_.allocate(bytes, "the pooler of the reward head");
  }
  Operations& ops = backend_.operations();
  const Tensor pooled = float_tensor(static_cast<float*>(scratch_->data()), hidden.rows, hidden.columns);
  const Tensor rewards = float_tensor(floats(batch.rewards), hidden.rows, 1);
  ops.linear_forward(
      {.y = pooled, .x = hidden, .weight = pooler_.weight, .bias = pooler_.bias, .residual = {}, .exact = true});
  ops.gelu_forward({.y = pooled, .x = pooled});
  ops.linear_forward({.y = rewards,
                      .x = pooled,
                      .weight = classifier_.weight,
                      .bias = classifier_.bias,
                      .residual = {},
                      .exact = true});
  auto& numbers = outputs.emplace_back(static_cast<size_t>(hidden.rows));
  return backend_.download_later(numbers.data(), rewards.data, static_cast<int64_t>(numbers.size() * sizeof(float)));
}

std::vector<float> PoolerHead::rewards(const HeadOutputs& outputs, const PackedTree&) const { return outputs[0]; }

HeadMatch new_pooler_head() {
  HeadMatch match;
  match.facts = {.kind = "pooler",
                 .source = {},
                 .description = "classifier of the pooled first token, with GELU between them, both with bias"};
  match.end = ModelEnd::reward_head;
  match.make = [](const Parameters& parameters, Backend& backend) {
    const EncoderTensors tensors =
        encoder_tensors(parameters.layout(), parameters.layout().architecture(), parameters.data());
    return std::make_unique<PoolerHead>(tensors.pooler, tensors.classifier, backend);
  };
  return match;
}

std::optional<HeadMatch> pooler_head(const HeadSource& source) {
  const std::string last = std::string(kClassifierName) + ".weight";
  if (!source.choice.empty() && source.choice != "pooler" && source.choice != last) {
    fail(source.checkpoint.folder(), " has no reward head ", in_quotes(source.choice),
         ": an encoder's is its pooler with its classifier (pooler).");
  }
  HeadMatch match = new_pooler_head();
  match.facts.source = last;
  return match;
}

}  // namespace cheems::model
