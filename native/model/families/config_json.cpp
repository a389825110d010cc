#include "model/families/config_json.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/families/rope_json.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "storage/strict_json.h"

namespace cheems::model {

ConfigJson::ConfigJson(const std::string& file) : file_(file), json_(storage::read_strict_json(file)) {
  if (!json_.is_object()) fail(file, " holds no JSON object; is it a model's config.json?");
}

bool ConfigJson::has(const std::string& key) const { return json_.contains(key) && !json_[key].is_null(); }

bool ConfigJson::is_null(const std::string& key) const { return json_.contains(key) && json_[key].is_null(); }

void ConfigJson::refuse(const std::string& key, const std::string& why) const {
  fail(file_, ": \"", key, "\" is ", json_.contains(key) ? json_[key].dump() : std::string("missing"), "; ", why);
}

int64_t ConfigJson::size(const std::string& key) const {
  if (!has(key) || !json_[key].is_number_integer() || json_[key].get<int64_t>() <= 0)
    refuse(key, "a positive whole number is needed.");
  const auto value = json_[key].get<int64_t>();
  if (value > (int64_t{1} << 31)) refuse(key, "that is more than any model has.");
  return value;
}
int64_t ConfigJson::size_or(const std::string& key, int64_t fallback) const {
  return json_.contains(key) ? size(key) : fallback;
}
std::optional<int64_t> ConfigJson::optional_size(const std::string& key) const {
  return has(key) ? std::optional(size(key)) : std::nullopt;
}

double ConfigJson::number(const std::string& key) const {
  if (!has(key) || !json_[key].is_number() || !std::isfinite(json_[key].get<double>()))
    refuse(key, "a number is needed.");
  return json_[key].get<double>();
}
double ConfigJson::number_or(const std::string& key, double fallback) const {
  return json_.contains(key) ? number(key) : fallback;
}
double ConfigJson::positive_or(const std::string& key, double fallback) const {
  const double value = number_or(key, fallback);
  if (!(value > 0)) refuse(key, "a positive number is needed.");
  return value;
}

bool ConfigJson::flag_or(const std::string& key, bool fallback) const {
  if (!json_.contains(key)) return fallback;
  if (!json_[key].is_boolean()) refuse(key, "true or false is needed.");
  return json_[key].get<bool>();
}

std::string ConfigJson::text_or(const std::string& key, const std::string& fallback) const {
  if (!json_.contains(key)) return fallback;
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

// Keys that transformers' base class reads for every family, and that change what the model computes.
void refuse_other_decoders(const ConfigJson& config) {
  if (config.json().contains("is_causal") && !config.flag_or("is_causal", true))
    config.refuse("is_causal", "this engine's attention is causal (true).");
  for (const char* key : {"per_layer_config", "text_config", "text_encoder", "decoder", "generator"}) {
    if (config.has(key)) config.refuse(key, "this engine supports one configuration for the whole model.");
  }
}

// The sizes that decide the shapes of the weights; those that config.json lacks are remembered for errors about shapes.
void read_sizes(const ConfigJson& config, const ClassDefaults& defaults, Architecture& a) {
  const auto size = [&](const char* key, int64_t fallback) {
    if (fallback > 0 && !config.json().contains(key)) a.assumed.push_back(sentence(key, " (", fallback, ")"));
    return fallback > 0 ? config.size_or(key, fallback) : config.size(key);
  };
  a.hidden_size = size("hidden_size", defaults.hidden_size);
  a.intermediate_size = size("intermediate_size", defaults.intermediate_size);
  a.num_layers = size("num_hidden_layers", defaults.num_layers);
  if (a.num_layers > 10000)
    config.refuse("num_hidden_layers", "that is more than any model has.");  // memory is allocated per layer below
  a.num_heads = size("num_attention_heads", defaults.num_heads);
  a.vocab_size = size("vocab_size", defaults.vocab_size);
  // A null means as many as there are query heads; so does an absent key, in classes without a default of their own.
  a.num_key_value_heads =
      config.is_null("num_key_value_heads")
          ? a.num_heads
          : size("num_key_value_heads", defaults.num_key_value_heads > 0 ? defaults.num_key_value_heads : a.num_heads);
  if (a.num_heads % a.num_key_value_heads != 0) {
    fail(config.file(), ": ", a.num_heads, " attention heads (num_attention_heads) cannot share ",
         a.num_key_value_heads, " key/value heads (num_key_value_heads) evenly.");
  }
  if (config.has("head_dim")) a.head_size = config.size("head_dim");
  else if (defaults.head_size > 0) a.head_size = size("head_dim", defaults.head_size);  // a null is refused
  else if (a.hidden_size % a.num_heads == 0) a.head_size = a.hidden_size / a.num_heads;
  else
    fail(config.file(), ": hidden_size ", a.hidden_size, " is not a multiple of num_attention_heads ", a.num_heads,
         " and there is no head_dim.");
  if (a.head_size % 2 != 0)
    fail(config.file(), ": a head size of ", a.head_size, " (head_dim) is odd; rotary position embedding needs pairs.");
}

}  // namespace

Architecture read_common(const ConfigJson& config, const ClassDefaults& defaults) {
  refuse_other_decoders(config);
  Architecture a;
  read_sizes(config, defaults, a);
  a.max_position_embeddings = config.size_or("max_position_embeddings", defaults.max_position_embeddings);
  a.rms_norm_epsilon = static_cast<float>(config.positive_or("rms_norm_eps", defaults.rms_norm_epsilon));
  a.rope = read_rope(config, defaults.rope_theta, a.max_position_embeddings);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", defaults.tied_embeddings);
  a.initializer_range = static_cast<float>(config.number_or("initializer_range", 0.02));
  const auto token = [&](const char* key) {
    return config.has(key) && config.json()[key].is_number_integer() ? config.json()[key].get<int64_t>() : -1;
  };
  // As PyTorch reads an embedding's padding_idx: negative ones count from the end; a classifier treats them as no
  // token.
  if (config.has("pad_token_id")) {
    const auto& pad = config.json()["pad_token_id"];
    if (!pad.is_number_integer()) config.refuse("pad_token_id", "a whole number is needed, or null.");
    if (pad.get<int64_t>() >= a.vocab_size || pad.get<int64_t>() < -a.vocab_size)
      config.refuse("pad_token_id", "the vocabulary has " + std::to_string(a.vocab_size) + " ids.");
  }
  a.pad_token_id = std::max<int64_t>(token("pad_token_id"), -1);
  a.reward_token_id = token("reward_token_id");
  if (a.reward_token_id >= a.vocab_size)
    config.refuse("reward_token_id", "the vocabulary has " + std::to_string(a.vocab_size) + " ids.");
  set_windows(a, 0);
  return a;
}

GateActivation read_activation(const ConfigJson& config, const std::string& key, const std::string& fallback) {
  const std::string name = config.text_or(key, fallback);
  if (name == "silu" || name == "swish") return GateActivation::silu;
  // transformers' names for the same formula
  for (const char* tanh_form : {"gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh"}) {
    if (name == tanh_form) return GateActivation::gelu_tanh;
  }
  config.refuse(key, "this engine supports silu and gelu_pytorch_tanh for these families.");
}

bool read_layer_types(const ConfigJson& config, int64_t window, Architecture& a) {
  if (!config.has("layer_types")) return false;
  const auto types = config.texts("layer_types");
  if (static_cast<int64_t>(types.size()) != a.num_layers) {
    fail(config.file(), ": layer_types has ", types.size(), " entries for ", a.num_layers,
         " layers (num_hidden_layers).");
  }
  for (size_t layer = 0; layer < types.size(); ++layer) {
    if (types[layer] == "full_attention") a.windows[layer] = 0;
    else if (types[layer] != "sliding_attention")
      fail(config.file(), ": layer_types entry ", layer, " is ", in_quotes(types[layer]),
           "; this engine supports full_attention and sliding_attention.");
    else if (window > 0) a.windows[layer] = window;
    else
      fail(config.file(), ": layer_types entry ", layer,
           " is sliding_attention, but there is no window: this family has none, sliding_window is null, or "
           "use_sliding_window is not true.");
  }
  return true;
}

void set_windows(Architecture& a, int64_t window) { a.windows.assign(static_cast<size_t>(a.num_layers), window); }

}  // namespace cheems::model
