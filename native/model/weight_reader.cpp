#include "model/weight_reader.h"

#include <algorithm>

#include "core/error.h"
#include "core/knobs.h"
#include "model/families/families.h"
#include "model/networks/body.h"

namespace cheems::model {
namespace {

constexpr const char* kEnginePrefix = "model.";

// The parameter's name after the engine's own prefix, or all of it if it has none (lm_head.weight).
std::string behind_prefix(const std::string& parameter) {
  return parameter.starts_with(kEnginePrefix) ? parameter.substr(std::string(kEnginePrefix).size()) : parameter;
}

// The keys of config.json that decide a parameter's shape, or whether it exists, for errors about it.
const char* deciding_keys(const Parameter& parameter) {
  const auto has = [&](const char* part) { return parameter.name.find(part) != std::string::npos; };
  if (parameter.name.ends_with(".bias")) return "attention_bias, mlp_bias, bias, num_hidden_layers and the sizes";
  if (has("embed_tokens") || has("word_embeddings") || has("lm_head")) return "vocab_size, hidden_size";
  if (has("q_norm") || has("k_norm")) return "head_dim, num_hidden_layers";
  if (has("norm")) return "hidden_size, num_hidden_layers";
  if (has("q_proj") || has("o_proj")) return "num_attention_heads, head_dim, hidden_size, num_hidden_layers";
  if (has("k_proj") || has("v_proj")) return "num_key_value_heads, head_dim, hidden_size, num_hidden_layers";
  if (has("block_sparse_moe"))
    return "num_local_experts or num_experts, intermediate_size, hidden_size, num_hidden_layers";
  if (has("rel_embeddings")) return "position_buckets, max_relative_positions, hidden_size";
  return "intermediate_size, hidden_size, num_hidden_layers";
}

}  // namespace

WeightReader::WeightReader(const storage::Checkpoint& checkpoint, const Architecture& architecture)
    : checkpoint_(checkpoint), architecture_(architecture), prefix_(kEnginePrefix) {
  const std::string embedding = behind_prefix(stored_tensor(architecture, "model.embed_tokens.weight").name);
  std::string found;
  for (const std::string prefix : kDecoderPrefixes) {
    if (!checkpoint.find(prefix + embedding)) continue;
    if (!found.empty()) {
      fail(checkpoint.folder(), " holds two decoders, one of ", found, " and one of ", prefix, embedding,
           "; nothing says which one to use. Remove one from the weights.");
    }
    found = prefix + embedding;
    prefix_ = prefix;
  }
}

StoredTensor WeightReader::stored(const std::string& parameter) const {
  StoredTensor stored = stored_tensor(architecture_, parameter);
  if (parameter.starts_with(kEnginePrefix)) stored.name = prefix_ + behind_prefix(stored.name);
  return stored;
}

// Tensors that published models contain and that nothing reads: a language model's output layer, tables that are
// computed here, the second copy of the decoder in Starling's files, and remains of a body's pretraining.
bool WeightReader::is_unused(const std::string& name) const {
  const Body& body = body_of(architecture_);
  return name == kVocabularyName || name == stored(kVocabularyName).name || name.ends_with(".rotary_emb.inv_freq") ||
         name.ends_with(".attn.bias") || (prefix_ == "transformer." && name.starts_with("model.")) ||
         body.unused.contains(name) ||
         std::any_of(body.unused_prefixes.begin(), body.unused_prefixes.end(),
                     [&](const auto& prefix) { return name.starts_with(prefix); });
}

void WeightReader::refuse_unknown_tensors(const ParameterLayout& layout, const std::set<std::string>& others) const {
  std::set<std::string> known = others;
  for (const auto& parameter : layout.parameters()) known.insert(stored(parameter.name).name);
  for (const auto& name : checkpoint_.names()) {
    if (known.contains(name) || is_unused(name)) continue;
    fail(checkpoint_.file_of(name), ": tensor ", in_quotes(name),
         " has no place in the model that config.json describes (another architecture: model_type; fewer layers or "
         "experts: num_hidden_layers, num_local_experts, num_experts; no biases: attention_bias, mlp_bias, bias; or a "
         "reward head of a kind that this engine does not support).",
         assumptions());
  }
}

std::string WeightReader::assumptions() const {
  std::string text;
  for (const std::string& each : architecture_.assumed)
    text += (text.empty() ? " Missing in config.json, so transformers' defaults were used: " : ", ") + each;
  return text.empty() ? text : text + ".";
}

DType WeightReader::common_matrix_dtype(const ParameterLayout& layout) const {
  std::set<DType> types;
  for (const auto& parameter : layout.parameters()) {
    if (!parameter.is_matrix()) continue;
    const auto* view = checkpoint_.find(stored(parameter.name).name);
    types.insert((view ? view->float_dtype() : std::nullopt).value_or(DType::float32));
  }
  return types.size() == 1 ? *types.begin() : DType::float32;
}

MappedMatrices WeightReader::mapped_matrices(const ParameterLayout& layout, DType matrix_dtype) const {
  MappedMatrices mapped;
  if (!body_of(architecture_).maps_weights) return mapped;
  for (const auto& parameter : layout.parameters()) {
    const StoredTensor from = stored(parameter.name);
    const auto* view = parameter.is_matrix() && from.count == 0 ? checkpoint_.find(from.name) : nullptr;
    if (!view || view->float_dtype() != matrix_dtype || view->shape != parameter.shape) continue;
    if (reinterpret_cast<uintptr_t>(view->bytes.data()) % size_of(matrix_dtype) == 0)
      mapped[parameter.name] = {view->bytes.data(), matrix_dtype, from.name};
  }
  return mapped;
}

bool WeightReader::has_output_layer_of_its_own() const {
  const auto* output = checkpoint_.find(stored(kVocabularyName).name);
  const auto* embedding = checkpoint_.find(stored("model.embed_tokens.weight").name);
  if (!output || !embedding) return false;
  const auto output_dtype = output->float_dtype(), embedding_dtype = embedding->float_dtype();
  if (output->shape != embedding->shape) return true;  // reading it will refuse this
  if (output->dtype == embedding->dtype)
    return !std::equal(output->bytes.begin(), output->bytes.end(), embedding->bytes.begin());
  if (!output_dtype || !embedding_dtype) return true;
  constexpr size_t kPiece = 1 << 16;
  const auto count = static_cast<size_t>(output->elements());
  std::vector<float> first(kPiece), second(kPiece);
  for (size_t begin = 0; begin < count; begin += kPiece) {
    const size_t piece = std::min(kPiece, count - begin);
    widen(output->bytes.data() + begin * size_of(*output_dtype), *output_dtype, first.data(), piece);
    widen(embedding->bytes.data() + begin * size_of(*embedding_dtype), *embedding_dtype, second.data(), piece);
    if (!std::equal(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(piece), second.begin())) return true;
  }
  return false;
}

std::vector<float> WeightReader::read_rows(const StoredTensor& stored, const Parameter& parameter) const {
  std::vector<float> values(static_cast<size_t>(parameter.count()));
  if (stored.count == 0) {
    checkpoint_.read_float32(stored.name, values.data(), parameter.shape);
    return values;
  }
  // For a packed tensor: the number of groups in the parameter. Its first axis is counted in rows for matrices, in
  // entries for vectors.
  std::vector<int64_t> whole = parameter.shape;
  const int64_t wanted = whole[0], width = parameter.count() / wanted, groups = wanted / stored.count;
  whole[0] = groups * stored.step;
  std::vector<float> all(static_cast<size_t>(whole[0] * width));
  checkpoint_.read_float32(stored.name, all.data(), whole);
  for (int64_t group = 0; group < groups; ++group) {
    const auto from = all.begin() + (stored.first + group * stored.step) * width;
    std::copy(from, from + stored.count * width, values.begin() + group * stored.count * width);
  }
  return values;
}

void WeightReader::read(const Parameter& parameter, void* destination, Backend& backend) const {
  const StoredTensor from = stored(parameter.name);
  const auto* view = checkpoint_.find(from.name);
  if (!view) {
    fail(checkpoint_.folder(), ": the weights lack tensor ", from.name, ", which config.json asks for (",
         deciding_keys(parameter),
         "). The download may be incomplete, or config.json belongs to another model (model_type).", assumptions());
  }
  if (from.count == 0 && view->shape != parameter.shape) {
    fail(checkpoint_.file_of(from.name), ": tensor ", in_quotes(from.name), " has shape ",
         storage::shape_text(view->shape), ", but the model's configuration needs ",
         storage::shape_text(parameter.shape), " (", deciding_keys(parameter),
         " in config.json): the weights and the configuration do not belong together.", assumptions());
  }
  std::vector<char> staging(static_cast<size_t>(parameter.count()) * size_of(parameter.dtype));
  if (from.count == 0 && parameter.dtype != DType::float32 && view->float_dtype() == parameter.dtype) {
    checkpoint_.read_raw(from.name, staging.data(), parameter.dtype, parameter.shape);
  } else {
    const std::vector<float> values = read_rows(from, parameter);
    narrow(values.data(), parameter.dtype, staging.data(), values.size());
  }
  backend.upload(destination, staging.data(), static_cast<int64_t>(staging.size()));
}

DType take_precision(std::optional<DType> wanted, Backend& backend) {
  const DType dtype = wanted.value_or(backend.default_precision());
  if (!backend.computes_in(dtype)) {
    fail("The backend ", backend.name(), " does not compute in ", name(dtype), "; leave ", knob("precision"),
         " out, or use ", name(backend.default_precision()), ".");
  }
  return backend.set_precision(dtype);
}

}  // namespace cheems::model
