// Qwen2 and Qwen2.5: q, k and v have biases, o has none. With use_sliding_window, the layers from max_window_layers on
// have a sliding window; `sliding_window` alone has no effect. `layer_types`, if present, gives it per layer.
#include "model/families/families.h"

namespace cheems::model {

void read_qwen_windows(const ConfigJson& config, Architecture& a) {
  const bool none = !config.flag_or("use_sliding_window", false) || config.is_null("sliding_window");
  const int64_t window = none ? 0 : config.size_or("sliding_window", 4096);
  if (!read_layer_types(config, window, a) && window > 0) {
    const double first = config.number_or("max_window_layers", 28);
    for (size_t layer = 0; layer < a.windows.size(); ++layer)
      a.windows[layer] = static_cast<double>(layer) >= first ? window : 0;
  }
}

Architecture read_qwen2(const ConfigJson& config) {
  Architecture a = read_common(config, {.vocab_size = 151936,
                                        .hidden_size = 4096,
                                        .intermediate_size = 22016,
                                        .num_layers = 32,
                                        .num_heads = 32,
                                        .num_key_value_heads = 32,
                                        .max_position_embeddings = 32768});
  a.activation = read_activation(config, "hidden_act", "silu");
  a.qkv_bias = true;
  read_qwen_windows(config, a);
  return a;
}

}  // namespace cheems::model
