// Qwen3: no biases (unless attention_bias), RMSNorm over each query and key head before rope, its own head_dim.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_qwen3(const ConfigJson& config) {
  Architecture a = read_common(config, {.vocab_size = 151936,
                                        .hidden_size = 4096,
                                        .intermediate_size = 22016,
                                        .num_layers = 32,
                                        .num_heads = 32,
                                        .num_key_value_heads = 32,
                                        .head_size = 128,
                                        .max_position_embeddings = 32768});
  a.activation = read_activation(config, "hidden_act", "silu");
  read_qwen_windows(config, a);
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.qk_norm = true;
  return a;
}

}  // namespace cheems::model
