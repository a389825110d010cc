// The head of an encoder: reward = classifier(gelu(pooler(h))), h the first token's hidden state. Both layers have a
// bias and are among the model's parameters.
#pragma once

#include <memory>

#include "model/heads/head.h"
#include "model/parameters/encoder_parameters.h"

namespace cheems::model {

class PoolerHead : public Head {
 public:
  PoolerHead(const WeightAndBias& pooler, const WeightAndBias& classifier, Backend& backend);
  int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) override;
  std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const override;
  // For a batch of `samples` samples.
  static int64_t scratch_bytes(int64_t hidden_size, int64_t samples);

 private:
  const WeightAndBias pooler_, classifier_;
  Backend& backend_;
  std::unique_ptr<Buffer> scratch_;  // [R, H]
};

HeadMatch new_pooler_head();

}  // namespace cheems::model
