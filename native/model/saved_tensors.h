// How tensors in a backend's memory are written to a file.
#pragma once

#include <string>

#include "backends/backend.h"
#include "core/tensor.h"
#include "storage/safetensors_writer.h"

namespace cheems::model {

// Writes a contiguous tensor under `name`, in the dtype that it was declared with: unchanged if that is its own, else
// rounded to it. At most a few megabytes at a time are in the host's memory, however large the tensor.
void save_tensor(storage::SafetensorsWriter& writer, const storage::TensorDeclaration& declared, const Tensor& held,
                 Backend& backend);

}  // namespace cheems::model
