// DeBERTa v3 on any backend, against transformers' float64 rewards (fixtures/reference/models/deberta-v3).
#pragma once

#include <functional>

#include "inference/scorer.h"
#include "testing/model_check.h"
#include "testing/small_model.h"

namespace cheems::testing {

inline std::string encoder_folder() {
  return std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/models/deberta-v3";
}

struct EncoderRun {
  Backend& backend;
  DType precision = DType::float32;
  int64_t micro_batch_tokens = 8192;
};

struct EncoderCases {
  OwnedSamples samples;
  std::vector<double> rewards;
};

// The reference's texts, `copies` times over, each a group of its own.
inline EncoderCases encoder_cases(const ReferenceModel& reference, int copies = 1) {
  EncoderCases cases;
  for (int copy = 0; copy < copies; ++copy) {
    for (const auto& entry : reference.json()["eval"]) {
      cases.samples.add(entry["ids"].get<std::vector<int32_t>>(), static_cast<int32_t>(cases.samples.groups.size()));
      cases.rewards.push_back(entry["reward_f64"].get<double>());
    }
  }
  return cases;
}

inline std::vector<float> score_encoder(const ReferenceModel& reference, const OwnedSamples& samples,
                                        const EncoderRun& run) {
  const auto loaded = model::RewardModel::load({.folder = reference.folder(), .precision = run.precision}, run.backend);
  inference::Scorer scorer(*loaded, {.micro_batch_tokens = run.micro_batch_tokens});
  return scorer.score(samples.view(), Control()).rewards;
}

inline void check_encoder_rewards(const EncoderRun& run, bool legacy, double tolerance) {
  const ReferenceModel reference(encoder_folder(), legacy);
  const EncoderCases cases = encoder_cases(reference);
  const auto rewards = score_encoder(reference, cases.samples, run);
  for (size_t i = 0; i < cases.rewards.size(); ++i) check_reward(rewards[i], cases.rewards[i], tolerance);
}

// Texts of several times max_position_embeddings, one of them longer than the memory that is allocated at first.
inline void check_long_texts(const EncoderRun& run, double tolerance, size_t most_tokens = 100000) {
  const ReferenceModel reference(encoder_folder(), false);
  nlohmann::json entries;
  std::ifstream(encoder_folder() + "/long.json") >> entries;
  OwnedSamples samples;
  std::vector<double> expected;
  for (const auto& entry : entries["eval"]) {
    const auto ids = entry["ids"].get<std::vector<int32_t>>();
    if (ids.size() > most_tokens) continue;
    samples.add(ids, static_cast<int32_t>(samples.groups.size()));
    expected.push_back(entry["reward_f64"].get<double>());
  }
  REQUIRE(!expected.empty());
  const auto rewards = score_encoder(reference, samples, run);
  for (size_t i = 0; i < expected.size(); ++i) check_reward(rewards[i], expected[i], tolerance);
}

// A copy of the reference's folder with its weights in another dtype or a changed config.json; removed by the
// destructor.
class StoredFolder {
 public:
  StoredFolder(const ReferenceModel& reference, DType dtype, const std::function<void(nlohmann::json&)>& change = {}) {
    nlohmann::json config;
    std::ifstream(reference.folder() + "/config.json") >> config;
    if (change) change(config);
    folder_.put("config.json", config.dump());
    const StoredTensors tensors = read_tensors(reference.folder() + "/model.safetensors");
    std::vector<storage::TensorDeclaration> declared;
    for (const auto& [name, tensor] : tensors) declared.push_back({name, dtype, tensor.shape});
    storage::SafetensorsWriter writer(folder_.file("model.safetensors"), declared);
    for (const auto& [name, tensor] : tensors) writer.write(name, tensor.values.data());
    writer.finish();
  }
  std::string folder() const { return folder_.path.string(); }

 private:
  storage::testing::TemporaryFolder folder_;
};

}  // namespace cheems::testing
