// LDL-Reward-Gemma-2: a distribution over ten grades for each objective, mixed by a gate.
//   D = softmax over the grades of regression(h), [objectives, 10]
//   w = gate(h); softmax(w / temperature) if config.softmax says so
//   reward = sum_j (w D)_j grade_j, the grades evenly spaced from 0 to 1
// Both are dense layers with LeakyReLU.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/heads/dense_layers.h"
#include "model/heads/heads.h"
#include "ops/activation/activation.h"

namespace cheems::model {
namespace {

constexpr const char* kRegressionLayers = "regression_layer.network.";
constexpr const char* kGateLayers = "gating_layer.network.";
constexpr int64_t kGrades = 10;  // fixed by the published class

// In place: exp(x / temperature), divided by their sum.
void softmax(std::vector<double>& x, double temperature) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& value : x) sum += value = std::exp((value - largest) / temperature);
  for (double& value : x) value /= sum;
}

class LabelDistributionHead : public DenseHead {
 public:
  LabelDistributionHead(const std::vector<DenseLayer>& regression, const std::vector<DenseLayer>& gate,
                        double temperature, Backend& backend)
      : DenseHead({{regression, "the reward head"}, {gate, "the reward head's gate"}}, backend),
        temperature_(temperature) {}
  std::vector<float> rewards(const HeadOutputs& stacks, const PackedTree& tree) const override {
    const std::vector<float>&grades = stacks[0], &gates = stacks[1];
    std::vector<float> rewards;
    for (const int32_t row : tree.reward_index)
      rewards.push_back(reward(grades.data() + row * width(0), gates.data() + row * width(1)));
    return rewards;
  }

 private:
  float reward(const float* logits, const float* gate) const {
    std::vector<double> weights(gate, gate + width(1));
    if (temperature_ > 0) softmax(weights, temperature_);
    double reward = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      std::vector<double> distribution(logits + static_cast<int64_t>(k) * kGrades,
                                       logits + (static_cast<int64_t>(k) + 1) * kGrades);
      softmax(distribution, 1);
      for (size_t j = 0; j < distribution.size(); ++j)
        reward += weights[k] * distribution[j] * static_cast<double>(j) / (kGrades - 1);
    }
    return static_cast<float>(reward);
  }

  const double temperature_;  // 0: the raw gate
};

}  // namespace

std::optional<HeadMatch> label_distribution_head(const HeadSource& source) {
  if (layer_numbers(source, kRegressionLayers).empty() || layer_numbers(source, kGateLayers).empty())
    return std::nullopt;
  HeadMatch match;
  const std::vector<DenseLayer> regression =
      read_dense_layers(source, kRegressionLayers, Activation::leaky_relu, match.tensors);
  const std::vector<DenseLayer> gate = read_dense_layers(source, kGateLayers, Activation::leaky_relu, match.tensors);
  const int64_t objectives = gate.back().outputs;
  const std::string last =
      kRegressionLayers + std::to_string(layer_numbers(source, kRegressionLayers).back()) + ".weight";
  if (regression.back().outputs != kGrades * objectives) {
    source.refuse(last, "has " + std::to_string(regression.back().outputs) + " outputs, but a gate of " +
                            std::to_string(objectives) + " objectives needs " + std::to_string(kGrades) +
                            " grades each: " + std::to_string(kGrades * objectives) + ".");
  }
  const double temperature = source.config.flag_or("softmax", false) ? source.config.number_or("temperature", 1) : 0;
  if (temperature < 0) source.config.refuse("temperature", "a positive number is needed.");
  match.facts = {.kind = "label_distribution", .source = last, .description = {}, .readout = Readout::last_token};
  match.facts.description =
      "distributions over " + std::to_string(kGrades) + " grades of " + std::to_string(objectives) +
      " objectives (regression_layer), mixed by a gate (gating_layer" + (temperature > 0 ? ", softmax)" : ", raw)");
  match.make = [regression, gate, temperature](const Parameters&, Backend& backend) {
    return std::make_unique<LabelDistributionHead>(regression, gate, temperature, backend);
  };
  return match;
}

}  // namespace cheems::model
