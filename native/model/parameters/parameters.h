// All parameters of a model in one block of memory, under their Hugging Face names.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "model/parameters/layout.h"

namespace cheems::model {

class Parameters {
 public:
  Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend,
             const ModelEnd& end = ModelEnd::reward_head);
  // The same, with `mapped` matrices in the files of `files`, which is kept alive.
  Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, const ModelEnd& end,
             MappedMatrices mapped, std::shared_ptr<const storage::Checkpoint> files);
  const ParameterLayout& layout() const { return layout_; }
  const ModelTensors& tensors() const { return tensors_; }
  void* data() const { return buffer_->data(); }
  // Whether some matrices are in mapped files, and so can be read but not trained.
  bool mapped() const { return !mapped_.empty(); }
  // Throws Error naming the first NaN or Inf of the mapped matrices, which loading did not check.
  void check_mapped_finite() const;

 private:
  MappedMatrices mapped_;
  std::shared_ptr<const storage::Checkpoint> files_;
  ParameterLayout layout_;
  std::unique_ptr<Buffer> buffer_;
  ModelTensors tensors_;
};

}  // namespace cheems::model
