#include "model/parameters.h"

#include <map>

#include "storage/checkpoint.h"

namespace cheems::model {
namespace {
constexpr int64_t kParameterAlignment = 64;     // elements, so that layouts of different dtypes have their parameters at the same elements
constexpr int64_t kRangeColumns = 16;  // whole vectors of any backend

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

constexpr const char* kRouter = "block_sparse_moe.gate.weight";
// Matrices that lie one after another, seen as one with the rows of all; nothing where they lie apart.
Tensor whole_of(const std::vector<Tensor>& parts) {
  Tensor whole;
  for (const Tensor& part : parts) {
    if (!whole) whole = part;
    else if (part.data == whole.row_range(whole.rows, 0).data) whole.rows += part.rows;
    else return {};
  }
  return whole;
}

std::string expert_prefix(const std::string& layer_prefix, int64_t expert) { return layer_prefix + "block_sparse_moe.experts." + std::to_string(expert) + "."; }
}

void ParameterLayout::add(std::string name, std::vector<int64_t> shape, bool follows_previous) {
  parameters_.push_back({std::move(name), std::move(shape), DType::float32, follows_previous, 0});
  Parameter& added = parameters_.back();
  if (is_matrix(added)) added.dtype = matrix_dtype_;
}

ParameterLayout::ParameterLayout(const Architecture& a, DType matrix_dtype, ModelEnd end, const MappedMatrices& mapped) : architecture_(a), matrix_dtype_(matrix_dtype), end_(end) {
  if (a.is_encoder()) add_encoder(a);
  else add_decoder(a);
  for (Parameter& parameter : parameters_) {
    if (const auto found = mapped.find(parameter.name); found != mapped.end()) parameter.mapped = found->second.data;
  }
  lay_out();
}

void ParameterLayout::add_decoder(const Architecture& a) {
  const int64_t hidden = a.hidden_size;
  add("model.embed_tokens.weight", {a.vocab_size, hidden});
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const std::string attention = prefix + "self_attn.";
    add(prefix + "input_layernorm.weight", {hidden});
    add(attention + "q_proj.weight", {a.query_size(), hidden});
    add(attention + "k_proj.weight", {a.key_value_size(), hidden}, true);
    add(attention + "v_proj.weight", {a.key_value_size(), hidden}, true);
    if (a.qkv_bias) {
      add(attention + "q_proj.bias", {a.query_size()});
      add(attention + "k_proj.bias", {a.key_value_size()}, true);
      add(attention + "v_proj.bias", {a.key_value_size()}, true);
    }
    if (a.qk_norm) {
      add(attention + "q_norm.weight", {a.head_size});
      add(attention + "k_norm.weight", {a.head_size});
    }
    add(attention + "o_proj.weight", {hidden, a.query_size()});
    if (a.output_bias) add(attention + "o_proj.bias", {hidden});
    add(prefix + "post_attention_layernorm.weight", {hidden});
    if (a.branch_norms) add(prefix + "pre_feedforward_layernorm.weight", {hidden});
    add_mlp(a, prefix);
    if (a.branch_norms) add(prefix + "post_feedforward_layernorm.weight", {hidden});
  }
  add("model.norm.weight", {hidden});
  if (end_ == ModelEnd::reward_head) add(kHeadName, {1, hidden});
  if (end_ == ModelEnd::vocabulary && !a.tied_embeddings) add(kVocabularyName, {a.vocab_size, hidden});
}

void ParameterLayout::add_mlp(const Architecture& a, const std::string& prefix) {
  const int64_t hidden = a.hidden_size, inner = a.intermediate_size;
  if (a.num_experts > 0) {
    add(prefix + kRouter, {a.num_experts, hidden});
    for (int64_t expert = 0; expert < a.num_experts; ++expert) {
      const std::string own = expert_prefix(prefix, expert);
      add(own + "w1.weight", {inner, hidden});
      add(own + "w3.weight", {inner, hidden}, true);
      add(own + "w2.weight", {hidden, inner});
    }
    return;
  }
  const std::string mlp = prefix + "mlp.";
  add(mlp + "gate_proj.weight", {inner, hidden});
  add(mlp + "up_proj.weight", {inner, hidden}, true);
  if (a.mlp_bias) {
    add(mlp + "gate_proj.bias", {inner});
    add(mlp + "up_proj.bias", {inner}, true);
  }
  add(mlp + "down_proj.weight", {hidden, inner});
  if (a.mlp_bias) add(mlp + "down_proj.bias", {hidden});
}

void ParameterLayout::lay_out() {
  for (const bool matrices : {true, false}) {
    const auto element = static_cast<int64_t>(matrices ? size_of(matrix_dtype_) : sizeof(float));
    for (Parameter& parameter : parameters_) {
      if (is_matrix(parameter) != matrices || parameter.mapped) continue;
      if (!parameter.follows_previous) bytes_ = round_up(bytes_, element * kParameterAlignment);
      parameter.offset = bytes_;
      bytes_ += parameter.count() * element;
    }
    bytes_ = round_up(bytes_, element * kParameterAlignment);
    if (matrices) matrix_bytes_ = bytes_;
    if (matrices) vectors_begin_ = bytes_ = round_up(bytes_, static_cast<int64_t>(sizeof(float)) * kParameterAlignment);
  }
}

std::array<Tensor, 3> ParameterLayout::ranges(void* base) const {
  const auto flat = [&](int64_t begin, int64_t end, DType dtype) {
    const int64_t count = (end - begin) / static_cast<int64_t>(size_of(dtype));
    return Tensor{static_cast<char*>(base) + begin, dtype, count / kRangeColumns, kRangeColumns, kRangeColumns};
  };
  const Parameter& embedding = parameters_.front();
  const int64_t rest = round_up(embedding.count(), kParameterAlignment) * static_cast<int64_t>(size_of(matrix_dtype_));
  return {tensor(embedding, base), flat(rest, matrix_bytes_, matrix_dtype_), flat(vectors_begin_, bytes_, DType::float32)};
}

int64_t ParameterLayout::count() const {
  int64_t sum = 0;
  for (const auto& parameter : parameters_) sum += parameter.count();
  return sum;
}

Tensor ParameterLayout::tensor(const Parameter& p, void* base) const {
  // A mapped file's pages cannot be written to; tensors do not say so in their type.
  return {p.mapped ? const_cast<void*>(p.mapped) : static_cast<char*>(base) + p.offset, p.dtype, p.rows(), p.columns(), p.columns()};
}

ModelTensors ParameterLayout::tensors(void* base) const {
  if (architecture_.is_encoder()) return {};
  std::map<std::string, const Parameter*> by_name;
  for (const auto& parameter : parameters_) by_name[parameter.name] = &parameter;
  const auto find = [&](const std::string& name) {
    const auto found = by_name.find(name);
    return found == by_name.end() ? Tensor{} : tensor(*found->second, base);
  };
  // Biases that lie one after another, seen as one with the entries of all.
  const auto joined_biases = [&](const std::string& prefix, std::initializer_list<const char*> parts) {
    Tensor whole;
    for (const char* part : parts) {
      const Tensor next = find(prefix + part + ".bias");
      if (!next) return Tensor{};
      if (!whole) whole = next;
      else whole.columns += next.columns, whole.stride = whole.columns;
    }
    return whole;
  };
  const auto matrices = [&](const std::string& prefix, std::initializer_list<const char*> names) {
    std::vector<Tensor> parts;
    for (const char* name : names) {
      if (const Tensor part = find(prefix + name + ".weight")) parts.push_back(part);
    }
    return parts;
  };
  ModelTensors model;
  model.embedding = find("model.embed_tokens.weight");
  for (int64_t layer = 0; layer < architecture_.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
    LayerTensors t;
    t.input_norm = find(prefix + "input_layernorm.weight");
    t.qkv_parts = matrices(attention, {"q_proj", "k_proj", "v_proj"});
    t.qkv = whole_of(t.qkv_parts);
    t.qkv_bias = joined_biases(attention, {"q_proj", "k_proj", "v_proj"});
    t.q_norm = find(attention + "q_norm.weight");
    t.k_norm = find(attention + "k_norm.weight");
    t.output = find(attention + "o_proj.weight");
    t.output_bias = find(attention + "o_proj.bias");
    // The one name for two things: with branch norms it is the attention branch's own.
    const Tensor post_attention = find(prefix + "post_attention_layernorm.weight");
    t.mlp_norm = architecture_.branch_norms ? find(prefix + "pre_feedforward_layernorm.weight") : post_attention;
    if (architecture_.branch_norms) t.attention_branch_norm = post_attention;
    t.mlp_branch_norm = find(prefix + "post_feedforward_layernorm.weight");
    t.router = find(prefix + kRouter);
    for (int64_t expert = 0; expert < architecture_.num_experts; ++expert) {
      const std::string own = expert_prefix(prefix, expert);
      const auto parts = matrices(own, {"w1", "w3"});
      t.experts.push_back({whole_of(parts), parts, find(own + "w2.weight")});
    }
    t.gate_up_parts = matrices(mlp, {"gate_proj", "up_proj"});
    t.gate_up = whole_of(t.gate_up_parts);
    t.gate_up_bias = joined_biases(mlp, {"gate_proj", "up_proj"});
    t.down = find(mlp + "down_proj.weight");
    t.down_bias = find(mlp + "down_proj.bias");
    model.layers.push_back(t);
  }
  model.final_norm = find("model.norm.weight");
  model.head = find(kHeadName);
  if (end_ == ModelEnd::vocabulary) model.vocabulary = architecture_.tied_embeddings ? model.embedding : find(kVocabularyName);
  return model;
}

Parameters::Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, ModelEnd end)
    : layout_(architecture, matrix_dtype, end), buffer_(backend.allocate(layout_.bytes(), "the model's weights")), tensors_(layout_.tensors(buffer_->data())) {}

Parameters::Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, ModelEnd end, MappedMatrices mapped, std::shared_ptr<const storage::Checkpoint> files)
    : mapped_(std::move(mapped)), files_(std::move(files)), layout_(architecture, matrix_dtype, end, mapped_), buffer_(backend.allocate(layout_.bytes(), "the model's weights")), tensors_(layout_.tensors(buffer_->data())) {
  if (this->mapped()) tensors_.files = files_.get();
}

void Parameters::check_mapped_finite() const {
  for (const auto& [name, matrix] : mapped_) files_->check_finite(matrix.stored_name);
}

}  // namespace cheems::model
