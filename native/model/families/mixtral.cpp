// Mixtral: Mistral whose layers have several MLPs, the experts, of which a router picks `num_experts_per_tok` a token.
// `sliding_window` is null in the published files, and counts where it is set. What a file leaves out has the defaults of
// transformers' MixtralConfig. Fields that begin with router_ concern training alone.
#include <algorithm>

#include "core/error.h"
#include "model/families/families.h"

namespace cheems::model {

Architecture read_mixtral(const ConfigJson& config) {
  Architecture a = read_common(config);
  const int64_t window = config.size_or("sliding_window", 0);
  if (!read_layer_types(config, window, a)) std::fill(a.windows.begin(), a.windows.end(), window);
  if (!config.has("rms_norm_eps")) a.rms_norm_epsilon = 1e-5f;
  if (!config.has("rope_theta") && !config.has("rope_parameters")) a.rope.theta = 1e6;
  a.num_experts = config.size_or("num_local_experts", 8);
  a.experts_per_token = config.size_or("num_experts_per_tok", 2);
  if (a.num_experts > 10000) config.refuse("num_local_experts", "that is more than any model has.");
  if (a.experts_per_token > a.num_experts) {
    fail(config.file(), ": a token cannot pass through ", a.experts_per_token, " experts (num_experts_per_tok) where there are ", a.num_experts, " (num_local_experts).");
  }
  return a;
}

}  // namespace cheems::model
