// Reading the rope settings of config.json.
#pragma once

#include "model/families/config_json.h"

namespace cheems::model {

// The settings are in `rope_parameters` (transformers 5), or in `rope_scaling` with `rope_theta` beside it
// (transformers 4, where "type" may be used for "rope_type"). As in transformers 5: rope_scaling takes precedence over
// rope_parameters, a theta within the settings over the one beside them, and an `original_max_position_embeddings`
// beside them over the one within. `default_theta`: the class's own.
Rope read_rope(const ConfigJson& config, double default_theta, int64_t max_position_embeddings);

}  // namespace cheems::model
