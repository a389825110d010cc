#include "model/causal_model.h"

#include "model/plain_names.h"
#include "model/weight_reader.h"
#include "storage/checkpoint.h"

namespace cheems::model {

std::unique_ptr<CausalModel> CausalModel::load(const LoadOptions& options, Backend& backend) {
  std::unique_ptr<CausalModel> model(new CausalModel);
  model->backend_ = &backend;
  model->architecture_ = RewardModel::read_architecture(options.folder);
  require_decoder(model->architecture_, "text generation");
  model->precision_ = take_precision(options.precision, backend);
  model->activations_ = backend.activations(model->precision_);
  const auto checkpoint =
      std::make_shared<const storage::Checkpoint>(open_weights(options.folder, model->architecture_));
  const WeightReader reader(*checkpoint, model->architecture_);
  model->keeps_output_layer_ = model->architecture_.tied_embeddings && reader.has_output_layer_of_its_own();
  if (model->keeps_output_layer_) model->architecture_.tied_embeddings = false;
  DType matrix_dtype = model->activations_;
  MappedMatrices mapped;
  if (backend.widens_weights() && options.keep_16_bit) {
    const ParameterLayout stored(model->architecture_, DType::float32, ModelEnd::vocabulary);
    matrix_dtype = reader.common_matrix_dtype(stored);
    mapped = reader.mapped_matrices(stored, matrix_dtype);
  }
  model->parameters_ = std::make_unique<Parameters>(model->architecture_, matrix_dtype, backend, ModelEnd::vocabulary,
                                                    std::move(mapped), checkpoint);
  const ParameterLayout& layout = model->parameters_->layout();
  reader.refuse_unknown_tensors(layout, {});
  for (const auto& parameter : layout.parameters()) {
    if (!parameter.mapped) reader.read(parameter, layout.tensor(parameter, model->parameters_->data()).data, backend);
  }
  return model;
}

}  // namespace cheems::model
