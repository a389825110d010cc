// Qwen3: no biases (unless attention_bias), RMSNorm over each query and key head before rope, head_dim of its own.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_qwen3(const ConfigJson& config) {
  Architecture a = read_common(config, 128);  // transformers' head_dim where the file does not say
  read_qwen_windows(config, a);
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.qk_norm = true;
  return a;
}

}  // namespace cheems::model
