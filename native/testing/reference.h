// The numbers that Hugging Face's transformers computed for small models (fixtures/reference/huggingface/README.md).
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "batch/samples.h"
#include "core/comparison.h"
#include "storage/json.h"
#include "storage/safetensors.h"

namespace cheems::testing {

#ifdef CHEEMS_SOURCE_DIRECTORY
inline std::string reference_folder(const std::string& name) {
  return std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/huggingface/" + name;
}
#endif

// Owns what a Samples points to.
struct OwnedSamples {
  std::vector<int32_t> tokens, offsets{0}, groups;
  void add(const std::vector<int32_t>& ids, int32_t group) {
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    offsets.push_back(static_cast<int32_t>(tokens.size()));
    groups.push_back(group);
  }
  Samples view() const { return {tokens, offsets, groups}; }
};

// A copy of a model folder in a temporary folder, with either spelling of config.json.
class ReferenceModel {
 public:
  ReferenceModel(const std::string& source, bool legacy)
      : source_(source),
        folder_(std::filesystem::temp_directory_path() /
                ("cheems-reference-" + std::to_string(::getpid()) + "-" + std::to_string(next_number()))) {
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(source + (legacy ? "/config.legacy.json" : "/config.json"), folder_ / "config.json");
    std::filesystem::create_symlink(source + "/model.safetensors", folder_ / "model.safetensors");
    std::ifstream(source + "/reference.json") >> json_;
    std::ifstream spreads(source + "/../float32_spread.json");
    if (spreads) spread_ = nlohmann::json::parse(spreads).value(json_.value("name", ""), nlohmann::json());
  }
  ~ReferenceModel() { std::filesystem::remove_all(folder_); }
  ReferenceModel(const ReferenceModel&) = delete;
  std::string folder() const { return folder_.string(); }
  const nlohmann::json& json() const { return json_; }
  // The effect of rounding on three training steps (float32_spread.json); null if it was not measured.
  const nlohmann::json& float32_spread() const { return spread_; }
  storage::SafetensorsFile arrays() const { return storage::SafetensorsFile::open(source_ + "/reference.safetensors"); }

  // The single sequences, each a group of its own, and their float64 rewards.
  OwnedSamples sequences(std::vector<double>& rewards) const {
    OwnedSamples samples;
    for (const auto& entry : json_["eval"]) {
      samples.add(entry["ids"].get<std::vector<int32_t>>(), static_cast<int32_t>(samples.groups.size()));
      rewards.push_back(entry["reward_f64"].get<double>());
    }
    return samples;
  }
  // The training set: every response of every prompt, and the pairs in the trainer's form.
  OwnedSamples training_set(std::vector<Comparison>& pairs) const {
    OwnedSamples samples;
    int32_t group = 0;
    for (const auto& entry : json_["train"]["groups"]) {
      for (const auto& response : entry["responses"]) {
        auto ids = entry["prompt"].get<std::vector<int32_t>>();
        const auto tail = response.get<std::vector<int32_t>>();
        ids.insert(ids.end(), tail.begin(), tail.end());
        samples.add(ids, group);
      }
      ++group;
    }
    for (const auto& pair : json_["train"]["pairs"])
      pairs.push_back({.a = pair[0].get<int32_t>(), .b = pair[1].get<int32_t>()});
    return samples;
  }

 private:
  static int next_number() {
    static int number = 0;
    return number++;
  }
  std::string source_;
  std::filesystem::path folder_;
  nlohmann::json json_, spread_;
};

}  // namespace cheems::testing
