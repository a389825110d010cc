// Small model folders created by the tests: config.json by key, weights by tensor, so that a test can break each of
// them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "inference/scorer.h"
#include "model/reward_model.h"
#include "storage/json.h"
#include "storage/safetensors.h"
#include "storage/safetensors_writer.h"
#include "storage/test_files.h"
#include "testing/cpu.h"
#include "testing/reference.h"

namespace cheems::testing {

inline nlohmann::json small_config(const std::string& family = "qwen2") {
  return {
      {"model_type", family},           {"hidden_size", 16},        {"intermediate_size", 24}, {"num_hidden_layers", 2},
      {"num_attention_heads", 4},       {"num_key_value_heads", 2}, {"head_dim", 4},           {"vocab_size", 40},
      {"max_position_embeddings", 128}, {"rms_norm_eps", 1e-6},     {"rope_theta", 10000.0},   {"hidden_act", "silu"},
      {"tie_word_embeddings", false}};
}

struct StoredTensor {
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using StoredTensors = std::map<std::string, StoredTensor>;

inline StoredTensors read_tensors(const std::string& file) {
  StoredTensors tensors;
  const auto opened = storage::SafetensorsFile::open(file);
  for (const auto& [name, view] : opened.tensors()) {
    StoredTensor& tensor = tensors[name];
    tensor = {*view.float_dtype(), view.shape, std::vector<float>(static_cast<size_t>(view.elements()))};
    opened.read_float32(name, tensor.values.data(), tensor.shape);
  }
  return tensors;
}

// A folder with config.json and model.safetensors; removed by the destructor.
class SmallModel {
 public:
  // A reward model with random weights and a head. `dtype` is the dtype of the file.
  explicit SmallModel(const nlohmann::json& config = small_config(), DType dtype = DType::float32, uint64_t seed = 1) {
    write_config(config);
    model::RewardModel::initialize(folder_.file("config.json"), seed, weights_file());
    // Weights of a few tenths, so that every part of the model matters.
    StoredTensors tensors = read_tensors(weights_file());
    tensors.erase("lm_head.weight");
    tensors["score.weight"] = {DType::float32,
                               {1, config["hidden_size"].get<int64_t>()},
                               random_floats(config["hidden_size"].get<int64_t>(), seed + 100)};
    uint64_t stream = seed;
    for (auto& [name, tensor] : tensors) {
      tensor.dtype = dtype;
      if (tensor.shape.size() == 1)
        tensor.values = sum_of(tensor.values, random_floats(tensor.shape[0], ++stream, 0.2));
      else
        for (float& value : tensor.values) value *= 10;
    }
    write(tensors);
  }
  std::string folder() const { return folder_.path.string(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string weights_file() const { return folder_.file("model.safetensors"); }
  void write_config(const nlohmann::json& config) const { folder_.put("config.json", config.dump()); }
  StoredTensors tensors() const { return read_tensors(weights_file()); }
  void write(const StoredTensors& tensors) const {
    std::vector<storage::TensorDeclaration> declared;
    for (const auto& [name, tensor] : tensors) declared.push_back({name, tensor.dtype, tensor.shape});
    storage::SafetensorsWriter writer(weights_file(), declared);
    for (const auto& [name, tensor] : tensors) writer.write(name, tensor.values.data());
    writer.finish();
  }
  std::unique_ptr<model::RewardModel> load(int threads = 1, bool keep_16_bit = false) const {
    return model::RewardModel::load({.folder = folder(), .keep_16_bit = keep_16_bit}, cpu_backend(threads));
  }

 private:
  storage::testing::TemporaryFolder folder_;
};

inline std::vector<float> parameter_values(const model::RewardModel& model) {
  const auto& layout = model.parameters().layout();
  const auto* values = static_cast<const float*>(model.parameters().data());
  return {values, values + layout.bytes() / 4};
}

// The message of the Error, or "" if none was thrown.
using storage::testing::refusal;

inline void check_refused(const std::string& sentence, const std::vector<std::string>& parts) {
  CAPTURE(sentence);
  for (const auto& part : parts) {
    CAPTURE(part);
    CHECK(sentence.find(part) != std::string::npos);
  }
}

// Samples with and without a common prompt, one of a single token, and one longer than small micro-batches; token ids
// below 40.
inline OwnedSamples some_samples() {
  OwnedSamples samples;
  samples.add({1, 2, 3, 4, 5, 6}, 0);
  samples.add({1, 2, 3, 4, 39}, 0);
  samples.add({0}, 1);
  std::vector<int32_t> longest;
  for (int32_t i = 0; i < 100; ++i) longest.push_back(i * 7 % 40);
  samples.add(longest, 2);
  return samples;
}

inline std::vector<float> rewards(model::RewardModel& model, const OwnedSamples& samples,
                                  inference::ScorerOptions options = {}) {
  inference::Scorer scorer(model, options);
  return scorer.score(samples.view(), Control()).rewards;
}

}  // namespace cheems::testing
