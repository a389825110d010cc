#include "model/causal_model.h"

#include "model/weight_reader.h"
#include "storage/checkpoint.h"

namespace cheems::model {

std::unique_ptr<CausalModel> CausalModel::load(const LoadOptions& options, Backend& backend) {
  std::unique_ptr<CausalModel> model(new CausalModel);
  model->backend_ = &backend;
  model->architecture_ = RewardModel::read_architecture(options.folder);
  require_decoder(model->architecture_, "text generation");
  model->precision_ = activation_dtype(options.precision, backend);
  const auto checkpoint = storage::Checkpoint::open(options.folder);
  const WeightReader reader(checkpoint, model->architecture_);
  DType matrix_dtype = model->precision_;
  if (backend.widens_weights() && options.keep_16_bit) matrix_dtype = reader.common_matrix_dtype(ParameterLayout(model->architecture_, DType::float32, ModelEnd::vocabulary));
  model->parameters_ = std::make_unique<Parameters>(model->architecture_, matrix_dtype, backend, ModelEnd::vocabulary);
  const ParameterLayout& layout = model->parameters_->layout();
  reader.refuse_unknown_tensors(layout, {});
  for (const auto& parameter : layout.parameters()) reader.read(parameter, layout.tensor(parameter, model->parameters_->data()).data, backend);
  return model;
}

}  // namespace cheems::model
