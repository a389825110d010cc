// Gemma: norms scale by 1 + weight, embeddings by sqrt(hidden_size), the gate is GELU in its tanh form, whatever
// hidden_act says (published files say "gelu" and mean the tanh form; `hidden_activation`, where present, is what counts).
// Gemma 2 adds a norm at the end of each branch, a soft cap on the attention scores, a scale of its own, and a sliding
// window in every other layer, beginning with the first. A soft cap on the logits concerns language models alone.
#include <cmath>

#include "model/families/families.h"

namespace cheems::model {

Architecture read_gemma(const ConfigJson& config) {
  Architecture a = read_common_but_activation(config, 256);
  const std::string activation = config.text_or("hidden_activation", "gelu_pytorch_tanh");
  if (activation != "gelu_pytorch_tanh") config.refuse("hidden_activation", "this engine knows gelu_pytorch_tanh for Gemma.");
  if (config.flag_or("use_bidirectional_attention", false)) config.refuse("use_bidirectional_attention", "this engine's attention is causal.");
  a.activation = GateActivation::gelu_tanh;
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.norm_weight_offset = 1;
  a.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(a.hidden_size)));
  a.tied_embeddings = config.flag_or("tie_word_embeddings", true);
  return a;
}

Architecture read_gemma2(const ConfigJson& config) {
  Architecture a = read_gemma(config);
  a.branch_norms = true;
  // Absent: transformers' own; null: none.
  const auto cap = [&](const char* key, double absent) {
    const bool none = config.json().contains(key) && !config.has(key);
    return none ? 0 : static_cast<float>(config.number_or(key, absent));
  };
  a.attention_soft_cap = cap("attn_logit_softcapping", 50);
  a.final_logit_soft_cap = cap("final_logit_softcapping", 30);
  const double scalar = config.number_or("query_pre_attn_scalar", 256);
  if (!(scalar > 0)) config.refuse("query_pre_attn_scalar", "a positive number is needed.");
  a.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
  const int64_t window = config.size_or("sliding_window", 4096);
  if (!read_layer_types(config, window, a)) {
    for (size_t layer = 0; layer < a.windows.size(); layer += 2) a.windows[layer] = window;
  }
  return a;
}

}  // namespace cheems::model
