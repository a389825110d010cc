// Qwen3: no biases (unless attention_bias), RMSNorm over each query and key head before rope, head_dim of its own.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_qwen3(const ConfigJson& config) {
  Architecture a = read_qwen2(config);
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.head_size = config.size_or("head_dim", 128);  // transformers' default where the file does not say
  a.qk_norm = true;
  return a;
}

}  // namespace cheems::model
