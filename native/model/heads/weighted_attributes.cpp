// URM: attributes as normal distributions, and weights for them from the same hidden state.
//   (mean_i, deviation_i) = score h, [attributes, 2];   w = layers with SELU (weights.fc.{0,2,4});   reward = sum_i
//   mean_i w_i
#include "model/heads/dense_layers.h"
#include "model/heads/heads.h"
#include "model/parameters/parameter.h"
#include "ops/activation/activation.h"

namespace cheems::model {
namespace {

class WeightedAttributesHead : public DenseHead {
 public:
  WeightedAttributesHead(const std::vector<DenseLayer>& score, const std::vector<DenseLayer>& weights, Backend& backend)
      : DenseHead({{score, "the reward head"}, {weights, "the reward head's weights"}}, backend) {}
  std::vector<float> rewards(const HeadOutputs& stacks, const PackedTree& tree) const override {
    const std::vector<float>&scores = stacks[0], &weights = stacks[1];
    const auto attributes = static_cast<size_t>(width(1));
    std::vector<float> rewards;
    for (const int32_t row : tree.reward_index) {
      double reward = 0;
      for (size_t i = 0; i < attributes; ++i) {
        reward += static_cast<double>(scores[(static_cast<size_t>(row) * attributes + i) * 2]) *
                  static_cast<double>(weights[static_cast<size_t>(row) * attributes + i]);
      }
      rewards.push_back(static_cast<float>(reward));
    }
    return rewards;
  }
};

}  // namespace

std::optional<HeadMatch> weighted_attributes_head(const HeadSource& source) {
  constexpr const char* kWeights = "weights.fc.";
  if (!source.has(kHeadName) || layer_numbers(source, kWeights).empty()) return std::nullopt;
  HeadMatch match;
  const std::vector<DenseLayer> weights = read_dense_layers(source, kWeights, Activation::selu, match.tensors);
  const auto shape = source.shape(kHeadName);
  const int64_t attributes = weights.back().outputs;
  if (shape != std::vector<int64_t>{2 * attributes, source.architecture.hidden_size}) {
    source.refuse(kHeadName, "has shape " + storage::shape_text(shape) + ", but " + std::to_string(attributes) +
                                 " weighted attributes need [" + std::to_string(2 * attributes) + ", " +
                                 std::to_string(source.architecture.hidden_size) + "]: a mean and a deviation each.");
  }
  match.tensors.insert(kHeadName);
  match.facts = {.kind = "weighted_attributes",
                 .source = kHeadName,
                 .description = std::to_string(attributes) +
                                " attributes (score.weight) weighted by layers with SELU (weights.fc.*)",
                 .readout = Readout::last_token};
  const std::vector<DenseLayer> score = {
      {.inputs = shape[1], .outputs = shape[0], .weight = source.read(kHeadName, shape), .bias = {}, .activation = {}}};
  match.make = [score, weights](const Parameters&, Backend& backend) {
    return std::make_unique<WeightedAttributesHead>(score, weights, backend);
  };
  return match;
}

}  // namespace cheems::model
