// Dense layers with ReLU between them, to one number (dropout, where training had it, is off):
//   score.{0,2}              INF-ORM, Qwen2.5-Math-RM, WorldPM
//   v_head.summary.{0,2,…}   GRM with vhead_layer_type mlp
// or to two, of which the softmax's second entry is the reward of each step: Qwen2.5-Math-PRM (score.{0,2}, `process`).
#include <cmath>

#include "model/heads/dense_layers.h"
#include "model/heads/heads.h"
#include "model/heads/reward_layers.h"
#include "ops/activation/activation.h"

namespace cheems::model {
namespace {

std::string shapes_of(const std::string& prefix, const std::vector<ModelEnd::Layer>& layers) {
  std::string text = prefix + "* ";
  for (size_t i = 0; i < layers.size(); ++i) text += (i == 0 ? "" : " -> ") + std::to_string(layers[i].inputs);
  return text + " -> " + std::to_string(layers.back().outputs);
}

class ProcessHead : public DenseHead {
 public:
  ProcessHead(const std::vector<DenseLayer>& layers, Backend& backend)
      : DenseHead({{layers, "the reward head"}}, backend) {}
  std::vector<float> rewards(const HeadOutputs& stacks, const PackedTree& tree) const override {
    std::vector<float> rewards;
    for (const int32_t row : tree.reward_index) {
      // softmax([a, b])[1] = 1 / (1 + exp(a - b))
      const size_t at = 2 * static_cast<size_t>(row);
      const double a = stacks[0][at], b = stacks[0][at + 1];
      rewards.push_back(static_cast<float>(1 / (1 + std::exp(a - b))));
    }
    return rewards;
  }
};

std::optional<HeadMatch> layers_under(const HeadSource& source, const std::string& prefix, int64_t outputs) {
  if (layer_numbers(source, prefix).size() < 2) return std::nullopt;
  HeadMatch match;
  const std::vector<ModelEnd::Layer> shapes = dense_layer_shapes(source, prefix, match.tensors);
  if (shapes.back().outputs != outputs) return std::nullopt;
  match.facts.source = shapes.back().name + ".weight";
  match.facts.kind = outputs == 1 ? "relu_layers" : "process";
  match.facts.description =
      outputs == 1 ? "layers with ReLU, " + shapes_of(prefix, shapes)
                   : "process reward, " + shapes_of(prefix, shapes) + ", the softmax's second entry at each step's end";
  if (outputs == 1) {  // trained: among the model's parameters, under the names that its files have
    match.end = ModelEnd(shapes);
    match.make = [](const Parameters& parameters, Backend& backend) {
      return std::make_unique<RewardLayers>(parameters.tensors().head_layers, Activation::relu, backend);
    };
    return match;
  }
  match.facts.readout = Readout::every_step;
  match.make = [layers = read_dense_layers(source, prefix, Activation::relu, match.tensors)](
                   const Parameters&, Backend& backend) { return std::make_unique<ProcessHead>(layers, backend); };
  return match;
}

}  // namespace

std::optional<HeadMatch> relu_layers_head(const HeadSource& source) {
  for (const char* prefix : {"score.", "v_head.summary."}) {
    if (auto match = layers_under(source, prefix, 1)) return match;
  }
  return std::nullopt;
}

std::optional<HeadMatch> process_head(const HeadSource& source) { return layers_under(source, "score.", 2); }

}  // namespace cheems::model
