// Published reward heads against the float64 rewards of fixtures/reference/models and heads, for any backend.
#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "inference/scorer.h"
#include "model/reward_model.h"
#include "testing/reference.h"

namespace cheems::testing {

// One model folder of fixtures/reference/models, its samples and what they should score.
class HeadReference {
 public:
  explicit HeadReference(const std::string& name) {
    const std::string references = std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/";
    folder_ = references + (std::filesystem::exists(references + "heads/" + name) ? "heads/" : "models/") + name;
    std::ifstream(folder_ + "/reference.json") >> json_;
  }
  const std::string& folder() const { return folder_; }

  // The samples with the readouts that the head asks for, each a group of its own, or all of one group.
  struct Batch {
    OwnedSamples samples;
    std::vector<int32_t> readouts, readout_offsets{0};
    Samples view() const {
      Samples view = samples.view();
      if (!readouts.empty()) view.readouts = readouts, view.readout_offsets = readout_offsets;
      return view;
    }
  };
  Batch batch(bool one_group, size_t begin = 0, size_t count = 1000) const {
    Batch batch;
    const auto& eval = json_["eval"];
    for (size_t i = begin; i < std::min(begin + count, eval.size()); ++i) {
      batch.samples.add(eval[i]["ids"].get<std::vector<int32_t>>(), one_group ? 0 : static_cast<int32_t>(i));
      const auto& scored = eval[i]["scored_position"];
      if (scored.is_array())
        for (const auto& position : scored) batch.readouts.push_back(position.get<int32_t>());
      else if (eval[i].contains("prompt_position"))
        batch.readouts.insert(batch.readouts.end(), {eval[i]["prompt_position"].get<int32_t>(), scored.get<int32_t>()});
      batch.readout_offsets.push_back(static_cast<int32_t>(batch.readouts.size()));
    }
    return batch;
  }
  // One number per sample, or all its steps' one after another.
  std::vector<double> rewards(const char* key = "reward_f64") const {
    std::vector<double> rewards;
    for (const auto& entry : json_["eval"]) {
      if (entry[key].is_array())
        for (const auto& reward : entry[key]) rewards.push_back(reward.get<double>());
      else rewards.push_back(entry[key].get<double>());
    }
    return rewards;
  }

 private:
  std::string folder_;
  nlohmann::json json_;
};

inline std::vector<float> score(model::RewardModel& model, const HeadReference::Batch& batch,
                                inference::ScorerOptions options = {}) {
  inference::Scorer scorer(model, options);
  return scorer.score(batch.view(), Control()).rewards;
}

// The folders, the kind that each must be recognized as, and the choice that it needs.
struct KnownHead {
  const char* name;
  const char* kind;
  const char* choice = "";
};
inline constexpr KnownHead kKnownHeads[] = {{"armorm", "gated_attributes"},
                                            {"beaver-cost", "linear"},
                                            {"beaver-reward", "linear"},
                                            {"cheems-vhead", "linear"},
                                            {"eurus", "linear"},
                                            {"grm-linear-gemma2", "linear"},
                                            {"grm-mlp", "relu_layers"},
                                            {"inf-orm", "relu_layers"},
                                            {"internlm2-reward", "linear"},
                                            {"ldl-gemma2", "label_distribution"},
                                            {"ldl-gemma2-softmax", "label_distribution"},
                                            {"nemotron", "linear", "vocabulary_row"},
                                            {"openrlhf-score", "linear"},
                                            {"openrlhf-value-head", "linear"},
                                            {"qrm", "gated_attributes"},
                                            {"qwen2-math-prm", "process"},
                                            {"qwen2-math-rm", "relu_layers"},
                                            {"starling", "linear"},
                                            {"ultrarm", "linear"},
                                            {"urm", "weighted_attributes"},
                                            {"value-head", "linear"},
                                            {"grm-mlp-deep", "relu_layers"},
                                            {"qrm-gemma2", "gated_attributes"},
                                            {"starling-7b", "linear"},
                                            {"ziya", "linear"}};

}  // namespace cheems::testing
