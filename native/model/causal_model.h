// A causal language model in memory: a decoder with an output layer over its vocabulary. Knows nothing of how text is
// generated.
#pragma once

#include <memory>

#include "model/reward_model.h"

namespace cheems::model {

class CausalModel {
 public:
  // Only folder, precision and keep_16_bit of LoadOptions are used. Throws Error for a folder without lm_head.weight
  // whose config.json does not tie it to the embedding.
  static std::unique_ptr<CausalModel> load(const LoadOptions& options, Backend& backend);

  const Architecture& architecture() const { return architecture_; }
  const Parameters& parameters() const { return *parameters_; }  // ModelEnd::vocabulary
  DType precision() const { return precision_; }                 // of the matrix products
  DType activations() const { return activations_; }             // what they are held in
  Backend& backend() const { return *backend_; }
  // config.json ties the output layer to the embedding, but the files have a different one, which is used.
  bool keeps_output_layer() const { return keeps_output_layer_; }

 private:
  CausalModel() = default;
  Architecture architecture_;
  DType precision_ = DType::float32, activations_ = DType::float32;
  std::unique_ptr<Parameters> parameters_;
  Backend* backend_ = nullptr;
  bool keeps_output_layer_ = false;
};

}  // namespace cheems::model
