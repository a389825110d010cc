// Mistral: Llama with a sliding window in every layer: `sliding_window`; transformers' 4096 if it is absent, none if it
// is null, as in later versions. transformers loads a file with `layer_types`, which gives it per layer, as its class
// Ministral.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_mistral(const ConfigJson& config) {
  Architecture a = read_common(config, {.vocab_size = 32000,
                                        .hidden_size = 4096,
                                        .intermediate_size = 14336,
                                        .num_layers = 32,
                                        .num_heads = 32,
                                        .num_key_value_heads = 8,
                                        .max_position_embeddings = 131072});
  a.activation = read_activation(config, "hidden_act", "silu");
  const int64_t window = config.is_null("sliding_window") ? 0 : config.size_or("sliding_window", 4096);
  if (!read_layer_types(config, window, a)) set_windows(a, window);
  return a;
}

}  // namespace cheems::model
