// Mixtral: Mistral whose layers have several MLPs, the experts; a router picks `num_experts_per_tok` of them per token.
// `sliding_window` is null in the published files; if set, it applies to all layers. `layer_types` is not read, as in
// transformers. Fields that begin with router_ concern only training.
#include "core/error.h"
#include "model/families/families.h"

namespace cheems::model {

Architecture read_mixtral(const ConfigJson& config) {
  Architecture a = read_common(config, {.vocab_size = 32000,
                                        .hidden_size = 4096,
                                        .intermediate_size = 14336,
                                        .num_layers = 32,
                                        .num_heads = 32,
                                        .num_key_value_heads = 8,
                                        .max_position_embeddings = 131072,
                                        .rms_norm_epsilon = 1e-5,
                                        .rope_theta = 1e6});
  a.activation = read_activation(config, "hidden_act", "silu");
  set_windows(a, config.optional_size("sliding_window").value_or(0));
  // transformers has a second name for this number, which counts if both are present.
  const char* experts = config.json().contains("num_experts") ? "num_experts" : "num_local_experts";
  if (!config.json().contains(experts)) a.assumed.push_back("num_local_experts (8)");
  a.num_experts = config.size_or(experts, 8);
  a.experts_per_token = config.size_or("num_experts_per_tok", 2);
  if (a.num_experts > 10000) config.refuse(experts, "that is more than any model has.");
  if (a.experts_per_token > a.num_experts) {
    fail(config.file(), ": a token cannot pass through ", a.experts_per_token,
         " experts (num_experts_per_tok) if there are only ", a.num_experts, " (", experts, ").");
  }
  return a;
}

}  // namespace cheems::model
