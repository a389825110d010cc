#include "model/heads/reward_layers.h"

#include <algorithm>

#include "core/arena.h"
#include "model/activations.h"
#include "ops/linear/linear.h"
#include "ops/operations.h"
#include "ops/reward_head/reward_head.h"

namespace cheems::model {

RewardLayers::RewardLayers(const std::vector<HeadLayerTensors>& layers, Activation activation, Backend& backend)
    : layers_(layers), activation_(activation), backend_(backend) {
  for (const HeadLayerTensors& layer : layers) widest_ = std::max({widest_, layer.weight.rows, layer.weight.columns});
}

void RewardLayers::take_memory(int64_t rows) {
  if (rows <= rows_) return;
  rows_ = rows;
  const auto take = [&](Arena& arena) {
    one_ = arena.floats(1, 1);
    outputs_.clear();
    for (const HeadLayerTensors& layer : layers_) outputs_.push_back(arena.floats(rows, layer.weight.rows));
    for (Tensor& tensor : d_outputs_) tensor = arena.floats(rows, widest_);
  };
  Arena counter;
  take(counter);
  memory_.reset();
  memory_ = backend_.allocate(counter.used(), "the reward head's layers");
  Arena arena(memory_->data());
  take(arena);
  const float one = 1;
  backend_.upload(one_.data, &one, sizeof one);
}

void RewardLayers::forward(const HeadBatch& batch) {
  take_memory(batch.hidden.rows);
  Operations& ops = backend_.operations();
  ConstTensor x = batch.hidden;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Tensor y = first_rows(outputs_[i], batch.hidden.rows);
    ops.linear_forward(
        {.y = y, .x = x, .weight = layers_[i].weight, .bias = layers_[i].bias, .residual = {}, .exact = true});
    if (i + 1 < layers_.size()) ops.activation_forward({.y = y, .x = y, .activation = activation_});
    x = y;
  }
  ops.reward_head_forward({.rewards = batch.rewards, .x = x, .weight = one_, .index = batch.tree.reward_index});
}

void RewardLayers::backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                            const ModelTensors& gradients) {
  Operations& ops = backend_.operations();
  const int64_t rows = batch.hidden.rows;
  const auto gradient_of = [&](size_t layer) {
    return float_tensor(floats(d_outputs_[layer % 2]), rows, layers_[layer].weight.rows);
  };
  const auto trained = [&](size_t layer) {
    return gradients.head_layers[layer].weight || gradients.head_layers[layer].bias;
  };
  size_t lowest = 0;  // layer with a gradient
  if (!d_hidden) {
    while (lowest < layers_.size() && !trained(lowest)) ++lowest;
  }
  if (lowest == layers_.size()) return;
  size_t layer = layers_.size() - 1;
  ops.reward_head_backward({.dx = gradient_of(layer),
                            .d_weight = {},
                            .d_rewards = d_rewards,
                            .x = first_rows(outputs_[layer], rows),
                            .weight = one_,
                            .index = batch.tree.reward_index});
  for (;; --layer) {
    const Tensor dy = gradient_of(layer), x = layer == 0 ? batch.hidden : first_rows(outputs_[layer - 1], rows);
    const HeadLayerTensors& d_layer = gradients.head_layers[layer];
    if (trained(layer))
      ops.linear_backward_weight({.d_weight = d_layer.weight, .d_bias = d_layer.bias, .dy = dy, .x = x, .exact = true});
    if (layer == lowest && !(layer == 0 && d_hidden)) return;
    const Tensor dx = layer == 0 ? d_hidden : gradient_of(layer - 1);
    ops.linear_backward_input({.dx = dx, .dy = dy, .weight = layers_[layer].weight, .exact = true});
    if (layer == 0) return;
    ops.activation_backward({.dx = dx, .dy = dx, .y = x, .activation = activation_});
  }
}

int64_t RewardLayers::launch(const HeadBatch& batch, HeadOutputs& outputs) {
  forward(batch);
  auto& numbers = outputs.emplace_back(static_cast<size_t>(batch.tree.rewards()));
  return backend_.download_later(numbers.data(), batch.rewards.data,
                                 static_cast<int64_t>(numbers.size() * sizeof(float)));
}

std::vector<float> RewardLayers::rewards(const HeadOutputs& outputs, const PackedTree&) const { return outputs[0]; }

}  // namespace cheems::model
