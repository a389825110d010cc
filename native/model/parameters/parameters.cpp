#include "model/parameters/parameters.h"

#include "storage/checkpoint.h"

namespace cheems::model {

Parameters::Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, const ModelEnd& end)
    : Parameters(architecture, matrix_dtype, backend, end, {}, nullptr) {}

Parameters::Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, const ModelEnd& end,
                       MappedMatrices mapped, std::shared_ptr<const storage::Checkpoint> files)
    : mapped_(std::move(mapped)),
      files_(std::move(files)),
      layout_(architecture, matrix_dtype, end, mapped_),
      buffer_(backend.allocate(layout_.bytes(), "the model's weights")),
      tensors_(layout_.tensors(buffer_->data())) {
  if (this->mapped()) tensors_.files = files_.get();
}

void Parameters::check_mapped_finite() const {
  for (const auto& [name, matrix] : mapped_) files_->check_finite(matrix.stored_name);
}

}  // namespace cheems::model
