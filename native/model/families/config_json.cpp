#include "model/families/config_json.h"

#include <cmath>

#include "core/error.h"
#include "storage/strict_json.h"

namespace cheems::model {

ConfigJson::ConfigJson(const std::string& file) : file_(file), json_(storage::read_strict_json(file)) {
  if (!json_.is_object()) fail(file, " holds no JSON object; is it a model's config.json?");
}

bool ConfigJson::has(const std::string& key) const { return json_.contains(key) && !json_[key].is_null(); }

void ConfigJson::refuse(const std::string& key, const std::string& why) const {
  fail(file_, ": \"", key, "\" is ", has(key) ? json_[key].dump() : std::string("missing"), "; ", why);
}

int64_t ConfigJson::size(const std::string& key) const {
  if (!has(key) || !json_[key].is_number_integer() || json_[key].get<int64_t>() <= 0) refuse(key, "a positive whole number is needed.");
  const auto value = json_[key].get<int64_t>();
  if (value > (int64_t{1} << 31)) refuse(key, "that is more than any model has.");
  return value;
}
int64_t ConfigJson::size_or(const std::string& key, int64_t fallback) const { return has(key) ? size(key) : fallback; }

double ConfigJson::number(const std::string& key) const {
  if (!has(key) || !json_[key].is_number() || !std::isfinite(json_[key].get<double>())) refuse(key, "a number is needed.");
  return json_[key].get<double>();
}
double ConfigJson::number_or(const std::string& key, double fallback) const { return has(key) ? number(key) : fallback; }

bool ConfigJson::flag_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!json_[key].is_boolean()) refuse(key, "true or false is needed.");
  return json_[key].get<bool>();
}

std::string ConfigJson::text_or(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!json_[key].is_string()) refuse(key, "a string is needed.");
  return json_[key].get<std::string>();
}

std::vector<std::string> ConfigJson::texts(const std::string& key) const {
  std::vector<std::string> list;
  if (!has(key)) return list;
  if (!json_[key].is_array()) refuse(key, "a list of strings is needed.");
  for (const auto& entry : json_[key]) {
    if (!entry.is_string()) refuse(key, "a list of strings is needed.");
    list.push_back(entry.get<std::string>());
  }
  return list;
}

namespace {

// A field of the rope settings; they stand in `rope_parameters` (transformers 5), or in `rope_scaling` with `rope_theta`
// beside it (transformers 4, where rope_scaling may also say "type" for "rope_type").
double rope_number(const ConfigJson& config, const nlohmann::json& settings, const char* field, double fallback, bool required) {
  if (!settings.contains(field) || settings[field].is_null()) {
    if (required) fail(config.file(), ": the rope settings lack \"", field, "\", which this rope type needs.");
    return fallback;
  }
  if (!settings[field].is_number() || !(settings[field].get<double>() > 0) || !std::isfinite(settings[field].get<double>())) {
    fail(config.file(), ": the rope settings' \"", field, "\" is ", settings[field].dump(), "; a positive number is needed.");
  }
  return settings[field].get<double>();
}

Rope read_rope(const ConfigJson& config) {
  Rope rope;
  rope.theta = config.number_or("rope_theta", 10000);
  if (!(rope.theta > 0)) config.refuse("rope_theta", "a positive number is needed.");
  const bool new_spelling = config.has("rope_parameters");
  const std::string key = new_spelling ? "rope_parameters" : "rope_scaling";
  if (!config.has(key)) return rope;
  const nlohmann::json& settings = config.json()[key];
  if (!settings.is_object()) config.refuse(key, "an object is needed.");
  for (const auto& [field, value] : settings.items()) {
    if (value.is_object()) fail(config.file(), ": \"", key, "\" has settings of their own for ", in_quotes(field), "; this engine knows one rope for all layers.");
  }
  if (rope_number(config, settings, "partial_rotary_factor", 1, false) != 1) config.refuse(key, "this engine turns whole heads (partial_rotary_factor 1).");
  rope.theta = rope_number(config, settings, "rope_theta", rope.theta, false);
  const char* type_field = settings.contains("rope_type") ? "rope_type" : "type";
  if (settings.contains(type_field)) {
    if (!settings[type_field].is_string()) config.refuse(key, "its rope_type must be a string.");
    rope.type = settings[type_field].get<std::string>();
  }
  // "dynamic" stretches the angles of samples longer than max_position_embeddings, and those are refused.
  if (rope.type == "dynamic" && config.has("max_position_embeddings")) rope.type = "default";
  if (rope.type == "default") return rope;
  if (rope.type != "linear" && rope.type != "llama3") {
    fail(config.file(), ": the rope type is \"", rope.type, "\"; this engine knows default, linear, llama3 and dynamic (within max_position_embeddings).");
  }
  rope.factor = rope_number(config, settings, "factor", 1, true);
  if (rope.type == "llama3") {
    rope.low_freq_factor = rope_number(config, settings, "low_freq_factor", 1, true);
    rope.high_freq_factor = rope_number(config, settings, "high_freq_factor", 4, true);
    rope.original_max_position_embeddings = static_cast<int64_t>(rope_number(config, settings, "original_max_position_embeddings", 0, true));
    if (!(rope.high_freq_factor > rope.low_freq_factor)) fail(config.file(), ": rope's high_freq_factor must be larger than its low_freq_factor.");
  }
  return rope;
}

}  // namespace

Architecture read_common_but_activation(const ConfigJson& config, int64_t default_head_size) {
  Architecture a;
  a.hidden_size = config.size("hidden_size");
  a.intermediate_size = config.size("intermediate_size");
  a.num_layers = config.size("num_hidden_layers");
  if (a.num_layers > 10000) config.refuse("num_hidden_layers", "that is more than any model has.");  // memory is taken per layer below
  a.num_heads = config.size("num_attention_heads");
  a.num_key_value_heads = config.size_or("num_key_value_heads", a.num_heads);
  a.vocab_size = config.size("vocab_size");
  a.max_position_embeddings = config.size_or("max_position_embeddings", 0);
  a.rms_norm_epsilon = static_cast<float>(config.number_or("rms_norm_eps", 1e-6));
  a.rope = read_rope(config);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", false);
  a.initializer_range = static_cast<float>(config.number_or("initializer_range", 0.02));
  a.pad_token_id = config.has("pad_token_id") && config.json()["pad_token_id"].is_number_integer() ? config.json()["pad_token_id"].get<int64_t>() : -1;
  a.reward_token_id = config.has("reward_token_id") && config.json()["reward_token_id"].is_number_integer() ? config.json()["reward_token_id"].get<int64_t>() : -1;
  if (a.reward_token_id >= a.vocab_size) config.refuse("reward_token_id", "the vocabulary has " + std::to_string(a.vocab_size) + " ids.");
  a.windows.assign(static_cast<size_t>(a.num_layers), 0);
  if (!(a.rms_norm_epsilon > 0)) config.refuse("rms_norm_eps", "a positive number is needed.");
  if (a.num_heads % a.num_key_value_heads != 0) {
    fail(config.file(), ": ", a.num_heads, " attention heads cannot share ", a.num_key_value_heads, " key/value heads evenly.");
  }
  if (default_head_size == 0 && !config.has("head_dim") && a.hidden_size % a.num_heads != 0) {
    fail(config.file(), ": hidden_size ", a.hidden_size, " is not a multiple of num_attention_heads ", a.num_heads, " and there is no head_dim.");
  }
  a.head_size = config.size_or("head_dim", default_head_size > 0 ? default_head_size : a.hidden_size / a.num_heads);
  if (a.head_size % 2 != 0) fail(config.file(), ": a head size of ", a.head_size, " is odd; rotary position embedding needs pairs.");
  if (config.number_or("partial_rotary_factor", 1) != 1) config.refuse("partial_rotary_factor", "this engine turns whole heads (1).");
  return a;
}

Architecture read_common(const ConfigJson& config, int64_t default_head_size) {
  Architecture a = read_common_but_activation(config, default_head_size);
  const std::string activation = config.text_or("hidden_act", "silu");
  if (activation == "silu" || activation == "swish") a.activation = GateActivation::silu;
  else if (activation == "gelu_pytorch_tanh") a.activation = GateActivation::gelu_tanh;
  else config.refuse("hidden_act", "this engine knows silu and gelu_pytorch_tanh for these families.");
  return a;
}

bool read_layer_types(const ConfigJson& config, int64_t window, Architecture& a) {
  const auto types = config.texts("layer_types");
  if (types.empty()) return false;
  if (static_cast<int64_t>(types.size()) != a.num_layers) {
    fail(config.file(), ": layer_types has ", types.size(), " entries for ", a.num_layers, " layers (num_hidden_layers).");
  }
  for (size_t layer = 0; layer < types.size(); ++layer) {
    if (types[layer] == "full_attention") a.windows[layer] = 0;
    else if (types[layer] == "sliding_attention") a.windows[layer] = window;
    else fail(config.file(), ": layer_types entry ", layer, " is \"", types[layer], "\"; this engine knows full_attention and sliding_attention.");
  }
  return true;
}

}  // namespace cheems::model
