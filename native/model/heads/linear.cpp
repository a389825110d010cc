// One linear layer, r = w . h, under the names that published models have for it:
//   score.weight         ...ForSequenceClassification of transformers, OpenRLHF
//   v_head.weight        Cheems' original, Starling, InternLM2
//   regression_head      UltraRM, Eurus
//   value_head           older OpenRLHF; Ziya (several rows of a parallel model, whose mean is the reward)
//   v_head.summary       TRL's and LLaMA-Factory's value heads, GRM's linear one
//   score_head           Beaver, with its running normalization
// and the name in config.json's value_head_prefix (OpenRLHF). A bias is added, and normalization done, on the host.
#include <algorithm>
#include <cmath>

#include "model/heads/linear.h"

#include "core/error.h"
#include "core/knobs.h"
#include "model/heads/heads.h"
#include "ops/operations.h"
#include "ops/reward_head/reward_head.h"

namespace cheems::model {
namespace {

// Beaver's normalizer: (r - mean) / (sqrt(var) + 1e-8). A cost is only scaled; its reward is minus the cost.
void read_beaver_rule(const HeadSource& source, HeadMatch& head) {
  const std::string type = source.config.text_or("score_type", "reward");
  if (type != "reward" && type != "cost" && type != "critic")
    source.config.refuse("score_type", "this engine supports reward, cost and critic.");
  for (const char* tensor : {"normalizer.mean", "normalizer.var", "normalizer.count"}) {
    if (source.has(tensor)) head.tensors.insert(tensor);
  }
  const bool normalized = source.config.flag_or("do_normalize", false) && type != "critic";
  if (normalized) {
    head.rule.mean = type == "reward" ? source.read("normalizer.mean", {1})[0] : 0;
    head.rule.scale = 1 / (std::sqrt(static_cast<double>(source.read("normalizer.var", {1})[0])) + 1e-8);
    head.facts.description +=
        type == "reward" ? ", normalized by normalizer.mean and normalizer.var" : ", scaled by normalizer.var";
  }
  if (type == "cost") {
    head.rule.bias = -head.rule.bias;
    for (float& w : head.weight) w = -w;
    head.facts.description += ", negated: the model gives a cost";
  }
}

// OpenRLHF writes mean and std into config.json; its loader normalizes only on request.
void read_openrlhf_rule(const HeadSource& source, HeadMatch& head) {
  if (!source.normalize_reward) {
    if (source.config.has("mean") && source.config.has("std"))
      head.facts.description +=
          ", raw (config.json has a mean and a std: " + knob("normalizeReward") + " applies them)";
    return;
  }
  head.rule.mean = source.config.number("mean");
  const double deviation = source.config.number("std");
  if (!(deviation > 0)) source.config.refuse("std", "a positive number is needed to normalize rewards.");
  head.rule.scale = 1 / deviation;
  head.facts.description += ", normalized by config.json's mean and std";
}

// The single row of weights; with several parallel rows, their mean.
std::vector<float> read_weight(const HeadSource& source, const std::string& name, HeadFacts& facts) {
  const int64_t hidden = source.architecture.hidden_size;
  const auto shape = source.shape(name);
  const std::string text = storage::shape_text(source.checkpoint.find(name)->shape);
  facts.description = "linear, " + name + " " + text;
  if (shape == std::vector<int64_t>{1, hidden}) return source.read(name, shape);
  if (shape[0] > 1 && shape[1] == hidden) {
    if (name == "value_head.weight" && source.config.size_or("model_parallel_size", 4) == shape[0]) {
      const std::vector<float> rows = source.read(name, shape);
      std::vector<float> mean(static_cast<size_t>(hidden));
      for (int64_t h = 0; h < hidden; ++h) {
        double sum = 0;
        for (int64_t row = 0; row < shape[0]; ++row)
          sum += static_cast<double>(rows[static_cast<size_t>(row * hidden + h)]);
        mean[static_cast<size_t>(h)] = static_cast<float>(sum / static_cast<double>(shape[0]));
      }
      facts.description += ", the mean of its rows (model_parallel_size)";
      return mean;
    }
    source.refuse(name, "has " + std::to_string(shape[0]) +
                            " outputs (num_labels), but a reward is one number: this is a classifier with " +
                            std::to_string(shape[0]) + " labels, not a reward model.");
  }
  source.refuse(name,
                "has shape " + text + " where config.json's hidden_size needs [1, " + std::to_string(hidden) + "].");
}

}  // namespace

LinearHead::LinearHead(const Tensor& weight, const LinearRule& rule, Backend& backend)
    : weight_(weight), rule_(rule), backend_(backend) {}

void LinearHead::forward(const HeadBatch& batch) {
  backend_.operations().reward_head_forward(
      {.rewards = batch.rewards, .x = batch.hidden, .weight = weight_, .index = batch.tree.reward_index});
}

void LinearHead::backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                          const ModelTensors& gradients) {
  if (!d_hidden && !gradients.head) return;
  backend_.operations().reward_head_backward({.dx = d_hidden,
                                              .d_weight = gradients.head,
                                              .d_rewards = d_rewards,
                                              .x = batch.hidden,
                                              .weight = weight_,
                                              .index = batch.tree.reward_index});
}

int64_t LinearHead::launch(const HeadBatch& batch, HeadOutputs& outputs) {
  forward(batch);
  auto& products = outputs.emplace_back(static_cast<size_t>(batch.tree.rewards()));
  return backend_.download_later(products.data(), batch.rewards.data,
                                 static_cast<int64_t>(products.size() * sizeof(float)));
}

std::vector<float> LinearHead::rewards(const HeadOutputs& outputs, const PackedTree&) const {
  std::vector<float> rewards = outputs[0];
  if (!rule_.plain())
    std::transform(rewards.begin(), rewards.end(), rewards.begin(),
                   [&](float product) { return rule_.apply(product); });
  return rewards;
}

HeadMatch new_linear_head() {
  HeadMatch match;
  match.facts = {.kind = "linear", .source = {}, .description = "linear"};
  finish_linear_head(match);
  return match;
}

void finish_linear_head(HeadMatch& match) {
  match.end = ModelEnd::reward_head;
  match.make = [rule = match.rule](const Parameters& parameters, Backend& backend) {
    return std::make_unique<LinearHead>(parameters.tensors().head, rule, backend);
  };
}

std::vector<HeadMatch> linear_heads(const HeadSource& source) {
  std::set<std::string> names = {kHeadName,           "v_head.weight",         "regression_head.weight",
                                 "value_head.weight", "v_head.summary.weight", "score_head.weight"};
  const std::string prefix = source.config.text_or("value_head_prefix", "");
  if (!prefix.empty()) names.insert(prefix + ".weight");
  // URM's attributes have this name too, and its own file reads them.
  if (source.has("weights.fc.0.weight")) names.erase(kHeadName);
  std::vector<HeadMatch> heads;
  for (const auto& name : names) {
    if (!source.has(name)) continue;
    HeadMatch head;
    head.facts.kind = "linear";
    head.facts.source = name;
    head.tensors = {name};
    head.weight = read_weight(source, name, head.facts);
    const std::string bias = name.substr(0, name.size() - std::string("weight").size()) + "bias";
    if (source.has(bias)) {
      head.rule.bias = static_cast<double>(source.read(bias, {1})[0]);
      head.tensors.insert(bias);
      head.facts.description += ", with a bias";
    }
    if (name == "score_head.weight") read_beaver_rule(source, head);
    else read_openrlhf_rule(source, head);
    finish_linear_head(head);
    heads.push_back(std::move(head));
  }
  return heads;
}

}  // namespace cheems::model
