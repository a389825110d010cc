// Quantized models, which this engine does not read: told by config.json or by their tensors, before any tensor is
// complained about.
#pragma once

#include "model/families/config_json.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// Throws Error naming the method where config.json says that the weights are quantized: quantization_config, or MLX's
// quantization. Looks into the folder's weights, where they can be opened, to tell weights that are quantized from
// those that are plain again.
void refuse_quantized_config(const ConfigJson& config);
// The same where tensors are those that a method of quantization makes.
void refuse_quantized_tensors(const storage::Checkpoint& checkpoint);

}  // namespace cheems::model
