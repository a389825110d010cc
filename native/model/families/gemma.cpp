// Gemma: norms scale by 1 + weight, embeddings by sqrt(hidden_size), the gate is GELU in its tanh form: published files
// say "gelu" in hidden_act and mean that. transformers 4 reads `hidden_activation` instead if it is set; a file in
// which the two differ is refused. Gemma 2 adds a norm at the end of each branch, a soft cap on the attention scores,
// its own scale, and a sliding window in every other layer, beginning with the first. A soft cap on the logits concerns
// only language models.
#include <cmath>

#include "model/families/families.h"
#include "ops/gated_mlp/gated_mlp.h"

namespace cheems::model {
namespace {

// All of Gemma except its activation.
Architecture read_any_gemma(const ConfigJson& config, ClassDefaults defaults) {
  defaults.vocab_size = 256000, defaults.head_size = 256, defaults.max_position_embeddings = 8192,
  defaults.tied_embeddings = true;
  Architecture a = read_common(config, defaults);
  if (config.has("use_bidirectional_attention") && config.flag_or("use_bidirectional_attention", false))
    config.refuse("use_bidirectional_attention", "this engine's attention is causal.");
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  if (!config.json().contains("pad_token_id")) a.pad_token_id = 0;  // the class's
  a.norm_weight_offset = 1;
  a.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(a.hidden_size)));
  return a;
}

}  // namespace

Architecture read_gemma(const ConfigJson& config) {
  Architecture a = read_any_gemma(
      config,
      {.hidden_size = 3072, .intermediate_size = 24576, .num_layers = 28, .num_heads = 16, .num_key_value_heads = 16});
  read_layer_types(config, 0, a);  // the class has no windows
  const bool legacy = config.text_or("hidden_act", "gelu_pytorch_tanh") == "gelu";
  a.activation = legacy ? GateActivation::gelu_tanh : read_activation(config, "hidden_act", "gelu_pytorch_tanh");
  if (config.has("hidden_activation") && read_activation(config, "hidden_activation", "") != a.activation) {
    config.refuse(
        "hidden_activation",
        "hidden_act differs, and which of the two counts depends on the version of transformers. Make them equal.");
  }
  return a;
}

Architecture read_gemma2(const ConfigJson& config) {
  Architecture a = read_any_gemma(
      config,
      {.hidden_size = 2304, .intermediate_size = 9216, .num_layers = 26, .num_heads = 8, .num_key_value_heads = 4});
  a.activation = read_activation(config, "hidden_activation", "gelu_pytorch_tanh");
  a.branch_norms = true;
  const auto cap = [&](const char* key, double absent) {
    return config.is_null(key) ? 0 : static_cast<float>(config.positive_or(key, absent));
  };
  a.attention_soft_cap = cap("attn_logit_softcapping", 50);
  a.final_logit_soft_cap = cap("final_logit_softcapping", 30);
  a.attention_scale = static_cast<float>(1 / std::sqrt(config.positive_or("query_pre_attn_scalar", 256)));
  const int64_t window = config.size_or("sliding_window", 4096);
  if (!read_layer_types(config, window, a)) {
    for (size_t layer = 0; layer < a.windows.size(); layer += 2) a.windows[layer] = window;
  }
  return a;
}

}  // namespace cheems::model
