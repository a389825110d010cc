// One linear layer, r = w . h, whose weights are among the model's parameters.
#pragma once

#include "model/heads/head.h"

namespace cheems::model {

class LinearHead : public Head, public HeadGradients {
 public:
  // `rule` is applied when rewards are read, not in training: an offset cancels in the difference of a pair.
  LinearHead(const Tensor& weight, const LinearRule& rule, Backend& backend);
  int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) override;
  std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const override;
  HeadGradients* gradients() override { return this; }
  void forward(const HeadBatch& batch) override;
  void backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                const ModelTensors& gradients) override;

 private:
  const Tensor weight_;  // [1, H]
  const LinearRule rule_;
  Backend& backend_;
};

HeadMatch new_linear_head();
// Makes the head once its rule is known.
void finish_linear_head(HeadMatch& match);

}  // namespace cheems::model
