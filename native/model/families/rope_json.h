// Reading the rope settings of config.json.
#pragma once

#include "model/families/config_json.h"

namespace cheems::model {

// The settings stand in `rope_parameters` (transformers 5) or in `rope_scaling` with `rope_theta` beside it
// (transformers 4, where "type" may stand for "rope_type"). As in transformers 5, rope_scaling counts where both are
// there, the theta within the settings before the one beside them, and `original_max_position_embeddings` beside them
// before the one within. `default_theta`: the class's own.
Rope read_rope(const ConfigJson& config, double default_theta, int64_t max_position_embeddings);

}  // namespace cheems::model
