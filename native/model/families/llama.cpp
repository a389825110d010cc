// Llama 2 and 3, and everything published in their form. Biases only if `attention_bias` or `mlp_bias` say so.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_llama(const ConfigJson& config) {
  Architecture a = read_common(config, {.vocab_size = 32000,
                                        .hidden_size = 4096,
                                        .intermediate_size = 11008,
                                        .num_layers = 32,
                                        .num_heads = 32,
                                        .max_position_embeddings = 2048});
  read_layer_types(config, 0, a);  // the class has no windows
  a.activation = read_activation(config, "hidden_act", "silu");
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.mlp_bias = config.flag_or("mlp_bias", false);
  return a;
}

}  // namespace cheems::model
