// Quantized models, which this engine does not read: recognized by config.json or by their tensors, before any other
// error about tensors.
#pragma once

#include "model/families/config_json.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// Throws Error with the method if config.json says that the weights are quantized: quantization_config, or MLX's
// quantization. Looks into the folder's weights, if they can be opened, to tell quantized weights from dequantized
// ones.
void refuse_quantized_config(const ConfigJson& config);
// The same if the tensors are those of a quantization method.
void refuse_quantized_tensors(const storage::Checkpoint& checkpoint);

}  // namespace cheems::model
