// Dense layers to one number, whose weights are among the model's parameters: y = W2 f(W1 h + b1) + b2, with any number
// of layers.
#pragma once

#include <memory>
#include <vector>

#include "model/heads/head.h"
#include "ops/activation/activation.h"

namespace cheems::model {

class RewardLayers : public Head, public HeadGradients {
 public:
  // `activation` follows every layer but the last.
  RewardLayers(const std::vector<HeadLayerTensors>& layers, Activation activation, Backend& backend);
  int64_t widest() const override { return widest_; }
  int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) override;
  std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const override;
  HeadGradients* gradients() override { return this; }
  void forward(const HeadBatch& batch) override;
  void backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                const ModelTensors& gradients) override;

 private:
  void take_memory(int64_t rows);
  const std::vector<HeadLayerTensors> layers_;
  const Activation activation_;
  Backend& backend_;
  int64_t widest_ = 0, rows_ = 0;
  std::unique_ptr<Buffer> memory_;
  std::vector<Tensor> outputs_;  // [rows, out] of each layer, kept for the backward pass
  Tensor d_outputs_[2];          // [rows, widest], used alternately
  Tensor one_;  // [1, 1]: a weight of 1, with which reward_head copies a row's number to each of its rewards
};

}  // namespace cheems::model
