#include "model/encoder_parameters.h"

#include <map>

namespace cheems::model {

// Under the names of transformers' DebertaV2ForSequenceClassification.
void ParameterLayout::add_encoder(const Architecture& a) {
  const int64_t hidden = a.hidden_size;
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {hidden});
    add(name + ".bias", {hidden});
  };
  const auto linear = [&](const std::string& name, int64_t outputs, int64_t inputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  };
  add("deberta.embeddings.word_embeddings.weight", {a.vocab_size, hidden});
  norm("deberta.embeddings.LayerNorm");
  add("deberta.encoder.rel_embeddings.weight", {2 * a.position_buckets, hidden});
  norm("deberta.encoder.LayerNorm");
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    const std::string prefix = "deberta.encoder.layer." + std::to_string(layer) + ".", attention = prefix + "attention.self.";
    for (const char* kind : {".weight", ".bias"}) {
      for (const char* part : {"query_proj", "key_proj", "value_proj"}) {
        std::vector<int64_t> shape{hidden};
        if (kind == std::string(".weight")) shape.push_back(hidden);
        add(attention + part + kind, shape, part != std::string("query_proj"));
      }
    }
    linear(prefix + "attention.output.dense", hidden, hidden);
    norm(prefix + "attention.output.LayerNorm");
    linear(prefix + "intermediate.dense", a.intermediate_size, hidden);
    linear(prefix + "output.dense", hidden, a.intermediate_size);
    norm(prefix + "output.LayerNorm");
  }
  if (end_ != ModelEnd::reward_head) return;
  linear(kPoolerName, hidden, hidden);
  linear(kClassifierName, 1, hidden);
}

EncoderTensors encoder_tensors(const ParameterLayout& layout, const Architecture& architecture, void* base) {
  std::map<std::string, const Parameter*> by_name;
  for (const auto& parameter : layout.parameters()) by_name[parameter.name] = &parameter;
  const auto find = [&](const std::string& name) { return layout.tensor(*by_name.at(name), base); };
  const auto both = [&](const std::string& name) { return WeightAndBias{find(name + ".weight"), find(name + ".bias")}; };
  EncoderTensors model;
  model.embedding = find("deberta.embeddings.word_embeddings.weight");
  model.embedding_norm = both("deberta.embeddings.LayerNorm");
  model.relative_embedding = find("deberta.encoder.rel_embeddings.weight");
  model.relative_norm = both("deberta.encoder.LayerNorm");
  for (int64_t layer = 0; layer < architecture.num_layers; ++layer) {
    const std::string prefix = "deberta.encoder.layer." + std::to_string(layer) + ".";
    EncoderLayerTensors t{both(prefix + "attention.self.query_proj"), both(prefix + "attention.output.dense"), both(prefix + "attention.output.LayerNorm"),
                          both(prefix + "intermediate.dense"), both(prefix + "output.dense"), both(prefix + "output.LayerNorm")};
    // Keys and values lie behind the queries.
    t.qkv.weight.rows = 3 * architecture.hidden_size;
    t.qkv.bias.columns = t.qkv.bias.stride = 3 * architecture.hidden_size;
    model.layers.push_back(t);
  }
  model.pooler = both(kPoolerName);
  model.classifier = both(kClassifierName);
  return model;
}

}  // namespace cheems::model
