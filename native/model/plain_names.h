// The weights of a model folder under the names that transformers' classes give them, whatever was wrapped around the
// model when they were saved.
#pragma once

#include <string>

#include "model/architecture.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// Opens the weights and takes out of the tensors' names what torch.compile, DDP, FSDP, DeepSpeed, activation
// checkpointing, PEFT, TRL or a class of one's own put there. Of a layer that PEFT trained as a whole
// (modules_to_save) the trained copy is read. Throws Error where the meaning is not certain, and for weights that no
// names can make a model of: quantized ones, LoRA matrices that are not merged, the empty tensors of ZeRO-3, FSDP's
// flat parameters.
storage::Checkpoint open_weights(const std::string& folder, const Architecture& architecture);

}  // namespace cheems::model
