#include "model/parameters/decoder_parameters.h"

#include <algorithm>
#include <string>

namespace cheems::model {
namespace {

constexpr Sharding kRows{Sharding::Axis::rows}, kColumns{Sharding::Axis::columns};

void visit_attention(const Architecture& a, const std::string& prefix, ParameterVisitor& visitor, LayerTensors& layer) {
  const std::string attention = prefix + "self_attn.";
  const Sharding heads{Sharding::Axis::rows, a.head_size};
  const std::vector<ParameterVisitor::Part> projections = {{attention + "q_proj", a.query_size()},
                                                           {attention + "k_proj", a.key_value_size()},
                                                           {attention + "v_proj", a.key_value_size()}};
  layer.input_norm = visitor.vector(prefix + "input_layernorm.weight", a.hidden_size);
  JoinedMatrices qkv = visitor.matrices(projections, a.hidden_size, heads);
  layer.qkv = qkv.whole;
  layer.qkv_parts = std::move(qkv.parts);
  if (a.qkv_bias) layer.qkv_bias = visitor.biases(projections, {Sharding::Axis::columns, a.head_size});
  if (a.qk_norm) {
    layer.q_norm = visitor.vector(attention + "q_norm.weight", a.head_size);
    layer.k_norm = visitor.vector(attention + "k_norm.weight", a.head_size);
  }
  const Sharding inputs{Sharding::Axis::columns, a.head_size};
  layer.output = visitor.matrix(attention + "o_proj.weight", a.hidden_size, a.query_size(), inputs);
  if (a.output_bias) layer.output_bias = visitor.vector(attention + "o_proj.bias", a.hidden_size);
}

void visit_mlp(const Architecture& a, const std::string& prefix, ParameterVisitor& visitor, LayerTensors& layer) {
  const std::string mlp = prefix + "mlp.";
  const std::vector<ParameterVisitor::Part> halves = {{mlp + "gate_proj", a.intermediate_size},
                                                      {mlp + "up_proj", a.intermediate_size}};
  JoinedMatrices gate_up = visitor.matrices(halves, a.hidden_size, kRows);
  layer.gate_up = gate_up.whole;
  layer.gate_up_parts = std::move(gate_up.parts);
  if (a.mlp_bias) layer.gate_up_bias = visitor.biases(halves, kColumns);
  layer.down = visitor.matrix(mlp + "down_proj.weight", a.hidden_size, a.intermediate_size, kColumns);
  if (a.mlp_bias) layer.down_bias = visitor.vector(mlp + "down_proj.bias", a.hidden_size);
}

void visit_experts(const Architecture& a, const std::string& prefix, ParameterVisitor& visitor, LayerTensors& layer) {
  const std::string moe = prefix + "block_sparse_moe.";
  layer.router = visitor.matrix(moe + "gate.weight", a.num_experts, a.hidden_size);
  for (int64_t number = 0; number < a.num_experts; ++number) {
    const std::string own = moe + "experts." + std::to_string(number) + ".";
    ExpertTensors expert;
    JoinedMatrices gate_up =
        visitor.matrices({{own + "w1", a.intermediate_size}, {own + "w3", a.intermediate_size}}, a.hidden_size, kRows);
    expert.gate_up = gate_up.whole;
    expert.gate_up_parts = std::move(gate_up.parts);
    expert.down = visitor.matrix(own + "w2.weight", a.hidden_size, a.intermediate_size, kColumns);
    layer.experts.push_back(std::move(expert));
  }
}

LayerTensors visit_decoder_layer(const Architecture& a, const std::string& prefix, ParameterVisitor& visitor) {
  LayerTensors layer;
  visit_attention(a, prefix, visitor, layer);
  // This name has two meanings: with branch norms it is the attention branch's own norm.
  const Tensor post_attention = visitor.vector(prefix + "post_attention_layernorm.weight", a.hidden_size);
  if (a.branch_norms) {
    layer.attention_branch_norm = post_attention;
    layer.mlp_norm = visitor.vector(prefix + "pre_feedforward_layernorm.weight", a.hidden_size);
  } else {
    layer.mlp_norm = post_attention;
  }
  if (a.num_experts > 0) visit_experts(a, prefix, visitor, layer);
  else visit_mlp(a, prefix, visitor, layer);
  if (a.branch_norms) {
    layer.mlp_branch_norm = visitor.vector(prefix + "post_feedforward_layernorm.weight", a.hidden_size);
  }
  return layer;
}

void visit_reward_head(const Architecture& a, const ModelEnd& end, ParameterVisitor& visitor, ModelTensors& model) {
  if (end.layers.empty()) model.head = visitor.head(kHeadName, {1, a.hidden_size});
  for (const ModelEnd::Layer& layer : end.layers) {
    HeadLayerTensors tensors;
    tensors.weight = visitor.head(layer.name + ".weight", {layer.outputs, layer.inputs});
    if (layer.has_bias) tensors.bias = visitor.head(layer.name + ".bias", {layer.outputs});
    model.head_layers.push_back(tensors);
  }
}

}  // namespace

bool LayerTensors::any_of_attention() const {
  return input_norm || qkv || qkv_bias || q_norm || k_norm || output || output_bias || attention_branch_norm;
}

bool LayerTensors::any_of_mlp() const {
  return mlp_norm || gate_up || gate_up_bias || down || down_bias || mlp_branch_norm;
}

bool ModelTensors::any_of_network() const {
  const auto any = [](const LayerTensors& layer) { return layer.any_of_attention() || layer.any_of_mlp(); };
  return embedding || final_norm || std::any_of(layers.begin(), layers.end(), any);
}

ModelTensors visit_decoder(const Architecture& a, const ModelEnd& end, ParameterVisitor& visitor) {
  ModelTensors model;
  model.embedding = visitor.embedding("model.embed_tokens.weight", a.vocab_size, a.hidden_size);
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    visitor.set_layer(layer);
    model.layers.push_back(visit_decoder_layer(a, "model.layers." + std::to_string(layer) + ".", visitor));
  }
  visitor.set_layer(kOutsideLayers);
  model.final_norm = visitor.vector("model.norm.weight", a.hidden_size);
  if (end.kind == ModelEnd::reward_head) visit_reward_head(a, end, visitor, model);
  if (end.kind == ModelEnd::vocabulary) {
    model.vocabulary =
        a.tied_embeddings ? model.embedding : visitor.matrix(kVocabularyName, a.vocab_size, a.hidden_size, kRows);
  }
  return model;
}

}  // namespace cheems::model
