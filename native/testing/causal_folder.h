// Small causal language models created by the tests, one for each family of decoders.
#pragma once

#include <string>

#include "model/causal_model.h"
#include "testing/small_model.h"

namespace cheems::testing {

// config.json of the family, with its special features: a sliding window shorter than the tests' prompts, soft caps.
inline nlohmann::json causal_config(const std::string& family) {
  nlohmann::json config = small_config(family);
  if (family == "mistral") config["sliding_window"] = 9;
  if (family == "gemma") config["num_key_value_heads"] = 1;
  if (family == "mixtral") config["num_local_experts"] = 4, config["num_experts_per_tok"] = 2;
  if (family == "gemma2") {
    config["sliding_window"] = 9;
    config["query_pre_attn_scalar"] = 5;
    config["attn_logit_softcapping"] = 3.0;
    config["final_logit_softcapping"] = 4.0;
  }
  return config;
}

class CausalFolder {
 public:
  explicit CausalFolder(const nlohmann::json& config, DType dtype = DType::float32, uint64_t seed = 1) {
    folder_.put("config.json", config.dump());
    const std::string weights = folder_.file("model.safetensors");
    model::RewardModel::initialize(folder_.file("config.json"), seed, weights);
    StoredTensors tensors = read_tensors(weights);
    std::vector<storage::TensorDeclaration> declared;
    uint64_t stream = seed;
    for (auto& [name, tensor] : tensors) {
      // Weights of a few tenths, so that every part of the model matters.
      tensor.dtype = dtype;
      if (tensor.shape.size() == 1)
        tensor.values = sum_of(tensor.values, random_floats(tensor.shape[0], ++stream, 0.2));
      else
        for (float& value : tensor.values) value *= 10;
      declared.push_back({name, dtype, tensor.shape});
    }
    storage::SafetensorsWriter writer(weights, declared);
    for (const auto& [name, tensor] : tensors) writer.write(name, tensor.values.data());
    writer.finish();
  }
  std::unique_ptr<model::CausalModel> load(Backend& backend, DType precision = DType::float32,
                                           bool keep_16_bit = false) const {
    return model::CausalModel::load(
        {.folder = folder_.path.string(), .precision = precision, .keep_16_bit = keep_16_bit}, backend);
  }

 private:
  storage::testing::TemporaryFolder folder_;
};

}  // namespace cheems::testing
