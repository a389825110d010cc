#include "model/parameters/encoder_parameters.h"

#include <string>

namespace cheems::model {
namespace {

WeightAndBias visit_norm(const std::string& name, int64_t size, ParameterVisitor& visitor) {
  return {visitor.vector(name + ".weight", size), visitor.vector(name + ".bias", size)};
}

WeightAndBias visit_linear(const std::string& name, int64_t outputs, int64_t inputs, ParameterVisitor& visitor,
                           Sharding sharding) {
  const bool shares_outputs = sharding.axis == Sharding::Axis::rows;
  return {visitor.matrix(name + ".weight", outputs, inputs, sharding),
          visitor.vector(name + ".bias", outputs,
                         shares_outputs ? Sharding{Sharding::Axis::columns, sharding.unit} : Sharding{})};
}

WeightAndBias visit_head(const std::string& name, int64_t outputs, int64_t inputs, ParameterVisitor& visitor) {
  return {visitor.head(name + ".weight", {outputs, inputs}), visitor.head(name + ".bias", {outputs})};
}

EncoderLayerTensors visit_encoder_layer(const Architecture& a, const std::string& prefix, ParameterVisitor& visitor) {
  const int64_t hidden = a.hidden_size, inner = a.intermediate_size;
  const std::string attention = prefix + "attention.self.";
  const std::vector<ParameterVisitor::Part> projections = {
      {attention + "query_proj", hidden}, {attention + "key_proj", hidden}, {attention + "value_proj", hidden}};
  EncoderLayerTensors layer;
  layer.qkv.weight = visitor.matrices(projections, hidden, {Sharding::Axis::rows, a.head_size}).whole;
  layer.qkv.bias = visitor.biases(projections, {Sharding::Axis::columns, a.head_size});
  layer.output =
      visit_linear(prefix + "attention.output.dense", hidden, hidden, visitor, {Sharding::Axis::columns, a.head_size});
  layer.attention_norm = visit_norm(prefix + "attention.output.LayerNorm", hidden, visitor);
  layer.up = visit_linear(prefix + "intermediate.dense", inner, hidden, visitor, {Sharding::Axis::rows});
  layer.down = visit_linear(prefix + "output.dense", hidden, inner, visitor, {Sharding::Axis::columns});
  layer.mlp_norm = visit_norm(prefix + "output.LayerNorm", hidden, visitor);
  return layer;
}

}  // namespace

// Under the names of transformers' DebertaV2ForSequenceClassification.
EncoderTensors visit_encoder(const Architecture& a, const ModelEnd& end, ParameterVisitor& visitor) {
  const int64_t hidden = a.hidden_size;
  EncoderTensors model;
  model.embedding = visitor.embedding("deberta.embeddings.word_embeddings.weight", a.vocab_size, hidden);
  model.embedding_norm = visit_norm("deberta.embeddings.LayerNorm", hidden, visitor);
  model.relative_embedding = visitor.matrix("deberta.encoder.rel_embeddings.weight", 2 * a.position_buckets, hidden);
  model.relative_norm = visit_norm("deberta.encoder.LayerNorm", hidden, visitor);
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    visitor.set_layer(layer);
    model.layers.push_back(visit_encoder_layer(a, "deberta.encoder.layer." + std::to_string(layer) + ".", visitor));
  }
  visitor.set_layer(kOutsideLayers);
  if (end.kind != ModelEnd::reward_head) return model;
  model.pooler = visit_head(kPoolerName, hidden, hidden, visitor);
  model.classifier = visit_head(kClassifierName, 1, hidden, visitor);
  return model;
}

EncoderTensors encoder_tensors(const ParameterLayout& layout, const Architecture& architecture, void* base) {
  ParameterVisitor visitor = layout.views(base);
  return visit_encoder(architecture, ModelEnd::reward_head, visitor);
}

}  // namespace cheems::model
