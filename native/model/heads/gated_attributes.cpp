// Attributes weighted by a gate that reads the prompt: ArmoRM and QRM.
//   g = softmax(gate(h_prompt) / gating_temperature) * logit_scale
//   a = R h_last, [objectives] or [objectives, quantiles] (their mean)
//   reward = sum_o g_o (a M)_o, a as a row vector; M = reward_transform_matrix, or none
// The gate is Linear and ReLU layers (ArmoRM), or Linear, ReLU, batch norm in that order (QRM), and a last Linear.
// Batch norm with its running statistics is an affine map: it is folded into the next layer. h_prompt is the hidden
// state at the first token of the last "end of turn, assistant's header" pattern; the tokenizer says which ids that is
// (Samples::readouts).
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/heads/dense_layers.h"
#include "model/heads/heads.h"
#include "ops/activation/activation.h"

namespace cheems::model {
namespace {

constexpr const char* kRegression = "regression_layer.weight";
constexpr const char* kTransform = "reward_transform_matrix";
constexpr const char* kGate = "gating.layers.";
constexpr double kBatchNormEpsilon = 1e-5;  // PyTorch's default, which the published class uses

struct GateRule {
  int64_t objectives = 0, quantiles = 1;
  double temperature = 1, logit_scale = 1;
  std::vector<float> transform;  // [objectives, objectives]; empty: the identity
};

class GatedAttributesHead : public DenseHead {
 public:
  GatedAttributesHead(const std::vector<DenseLayer>& regression, const std::vector<DenseLayer>& gate, GateRule rule,
                      Backend& backend)
      : DenseHead({{regression, "the reward head"}, {gate, "the reward head's gate"}}, backend),
        rule_(std::move(rule)) {}
  std::vector<float> rewards(const HeadOutputs& stacks, const PackedTree& tree) const override {
    const std::vector<float>&attributes = stacks[0], &gates = stacks[1];
    std::vector<float> rewards;
    for (size_t r = 0; r + 1 < tree.reward_index.size(); r += 2) {
      const auto prompt = static_cast<size_t>(tree.reward_index[r]),
                 last = static_cast<size_t>(tree.reward_index[r + 1]);
      rewards.push_back(reward(gates.data() + prompt * static_cast<size_t>(rule_.objectives),
                               attributes.data() + last * static_cast<size_t>(rule_.objectives * rule_.quantiles)));
    }
    return rewards;
  }

 private:
  float reward(const float* gate, const float* attributes) const {
    const auto objectives = static_cast<size_t>(rule_.objectives), quantiles = static_cast<size_t>(rule_.quantiles);
    std::vector<double> weights(objectives), means(objectives);
    double largest = gate[0], sum = 0;
    for (size_t o = 0; o < objectives; ++o) largest = std::max(largest, static_cast<double>(gate[o]));
    for (size_t o = 0; o < objectives; ++o) sum += weights[o] = std::exp((gate[o] - largest) / rule_.temperature);
    for (size_t o = 0; o < objectives; ++o) {
      for (size_t q = 0; q < quantiles; ++q) means[o] += attributes[o * quantiles + q];
      means[o] /= static_cast<double>(quantiles);
    }
    double reward = 0;
    for (size_t o = 0; o < objectives; ++o) {
      double turned = rule_.transform.empty() ? means[o] : 0;
      for (size_t i = 0; !rule_.transform.empty() && i < objectives; ++i)
        turned += means[i] * static_cast<double>(rule_.transform[i * objectives + o]);
      reward += weights[o] / sum * rule_.logit_scale * turned;
    }
    return static_cast<float>(reward);
  }

  const GateRule rule_;
};

// Folds y = scale * x + shift before `layer` into it.
void fold_before(const std::vector<double>& scale, const std::vector<double>& shift, DenseLayer& layer) {
  layer.bias.resize(static_cast<size_t>(layer.outputs));
  for (int64_t o = 0; o < layer.outputs; ++o) {
    double bias = layer.bias[static_cast<size_t>(o)];
    for (int64_t i = 0; i < layer.inputs; ++i) {
      float& weight = layer.weight[static_cast<size_t>(o * layer.inputs + i)];
      bias += static_cast<double>(weight) * shift[static_cast<size_t>(i)];
      weight = static_cast<float>(static_cast<double>(weight) * scale[static_cast<size_t>(i)]);
    }
    layer.bias[static_cast<size_t>(o)] = static_cast<float>(bias);
  }
}

void read_batch_norm(const HeadSource& source, const std::string& prefix, int64_t size, std::vector<double>& scale,
                     std::vector<double>& shift, std::set<std::string>& tensors) {
  const auto weight = source.read(prefix + "weight", {size}), bias = source.read(prefix + "bias", {size});
  const auto mean = source.read(prefix + "running_mean", {size}),
             variance = source.read(prefix + "running_var", {size});
  for (const char* part : {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})
    tensors.insert(prefix + part);
  scale.resize(static_cast<size_t>(size)), shift.resize(static_cast<size_t>(size));
  for (size_t i = 0; i < scale.size(); ++i) {
    scale[i] = static_cast<double>(weight[i]) / std::sqrt(static_cast<double>(variance[i]) + kBatchNormEpsilon);
    shift[i] = static_cast<double>(bias[i]) - static_cast<double>(mean[i]) * scale[i];
  }
}

std::vector<DenseLayer> read_gate(const HeadSource& source, std::set<std::string>& tensors, bool& batch_norm) {
  std::vector<DenseLayer> layers;
  std::vector<double> scale, shift;  // of the batch norm after the previous layer
  int64_t inputs = source.architecture.hidden_size;
  for (const int64_t number : layer_numbers(source, kGate)) {
    const std::string prefix = kGate + std::to_string(number) + ".";
    if (source.has(prefix + "running_mean")) {
      if (layers.empty() || !scale.empty())
        source.refuse(prefix + "weight", "is a batch norm, but the gate needs a linear layer first.");
      read_batch_norm(source, prefix, inputs, scale, shift, tensors);
      batch_norm = true;
      continue;
    }
    layers.push_back(read_dense_layer(source, kGate, number, inputs, tensors));
    layers.back().activation = Activation::relu;
    if (!scale.empty()) fold_before(scale, shift, layers.back());
    scale.clear();
    inputs = layers.back().outputs;
  }
  if (!scale.empty() || layers.empty())
    fail(source.checkpoint.folder(), ": the gate (", kGate, "*) does not end in a linear layer.");
  layers.back().activation.reset();
  return layers;
}

}  // namespace

std::optional<HeadMatch> gated_attributes_head(const HeadSource& source) {
  if (!source.has(kRegression) || layer_numbers(source, kGate).empty()) return std::nullopt;
  HeadMatch match;
  bool batch_norm = false;
  const std::vector<DenseLayer> gate = read_gate(source, match.tensors, batch_norm);
  const auto shape = source.shape(kRegression);
  GateRule rule;
  rule.objectives = gate.back().outputs;
  if (shape[0] % rule.objectives != 0 || shape[1] != source.architecture.hidden_size) {
    source.refuse(kRegression, "has shape " + storage::shape_text(shape) + ", which does not fit a gate of " +
                                   std::to_string(rule.objectives) + " objectives and hidden_size " +
                                   std::to_string(source.architecture.hidden_size) + ".");
  }
  rule.quantiles = shape[0] / rule.objectives;
  // ArmoRM's and QRM's classes for Llama use 10 if config.json does not have it; without a transform matrix (QRM on
  // Gemma 2) it is 1.
  rule.temperature = source.config.number_or("gating_temperature", source.has(kTransform) ? 10 : 1);
  if (!(rule.temperature > 0)) source.config.refuse("gating_temperature", "a positive number is needed.");
  match.tensors.insert(kRegression);
  if (source.has("gating.logit_scale")) {
    rule.logit_scale = source.read("gating.logit_scale", source.checkpoint.find("gating.logit_scale")->shape)[0];
    match.tensors.insert("gating.logit_scale");
  }
  if (source.has(kTransform)) {
    rule.transform = source.read(kTransform, {rule.objectives, rule.objectives});
    match.tensors.insert(kTransform);
  }
  match.facts = {
      .kind = "gated_attributes", .source = kRegression, .description = {}, .readout = Readout::prompt_and_last};
  match.facts.description = std::to_string(rule.objectives) + " attributes" +
                            (rule.quantiles > 1 ? " of " + std::to_string(rule.quantiles) + " quantiles" : "") + " (" +
                            kRegression + "), weighted by a gate of " + std::to_string(gate.size()) + " layers" +
                            (batch_norm ? " with batch norm" : "") + " that reads the prompt";
  const std::vector<DenseLayer> regression = {{.inputs = shape[1],
                                               .outputs = shape[0],
                                               .weight = source.read(kRegression, shape),
                                               .bias = {},
                                               .activation = {}}};
  match.make = [regression, gate, rule](const Parameters&, Backend& backend) {
    return std::make_unique<GatedAttributesHead>(regression, gate, rule, backend);
  };
  return match;
}

}  // namespace cheems::model
