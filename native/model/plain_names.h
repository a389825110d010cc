// The weights of a model folder under the names that transformers' classes give them, whatever wrapped the model when
// they were saved.
#pragma once

#include <string>

#include "model/architecture.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// Opens the weights and removes from the tensors' names what torch.compile, DDP, FSDP, DeepSpeed, activation
// checkpointing, PEFT, TRL or a user's own class added. For a layer that PEFT trained as a whole (modules_to_save), the
// trained copy is read. Throws Error if the meaning is not certain, and for weights that no renaming can make a model
// of: quantized ones, LoRA matrices that are not merged, the empty tensors of ZeRO-3, FSDP's flat parameters.
storage::Checkpoint open_weights(const std::string& folder, const Architecture& architecture);

}  // namespace cheems::model
