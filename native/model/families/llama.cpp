// Llama 2 and 3, and everything published in their form. Biases only where `attention_bias` or `mlp_bias` say so.
#include "model/families/families.h"

namespace cheems::model {

Architecture read_llama(const ConfigJson& config) {
  Architecture a = read_common(config);
  a.qkv_bias = a.output_bias = config.flag_or("attention_bias", false);
  a.mlp_bias = config.flag_or("mlp_bias", false);
  return a;
}

}  // namespace cheems::model
