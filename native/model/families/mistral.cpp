// Mistral: Llama with a sliding window in every layer where `sliding_window` is set (later versions set it to null).
#include <algorithm>

#include "model/families/families.h"

namespace cheems::model {

Architecture read_mistral(const ConfigJson& config) {
  Architecture a = read_common(config);
  const int64_t window = config.size_or("sliding_window", 0);
  if (!read_layer_types(config, window, a)) std::fill(a.windows.begin(), a.windows.end(), window);
  return a;
}

}  // namespace cheems::model
