// How tensors that lie in a backend's memory come into a file.
#pragma once

#include <string>

#include "backends/backend.h"
#include "core/tensor.h"
#include "storage/safetensors_writer.h"

namespace cheems::model {

// Writes a contiguous tensor under `name`, in the dtype that it was declared with: as it is where that is its own, else
// rounded to it. A few megabytes pass through the host's memory at once, however large the tensor.
void save_tensor(storage::SafetensorsWriter& writer, const storage::TensorDeclaration& declared, const Tensor& held,
                 Backend& backend);

}  // namespace cheems::model
