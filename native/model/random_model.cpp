// A reward model whose weights are generated in place: for benchmarks and tests that need no files.
#include <algorithm>

#include "core/error.h"
#include "model/heads/heads.h"
#include "model/reward_model.h"
#include "ops/fill/normal.h"

namespace cheems::model {
namespace {

// The same numbers as a device's own kernel makes (ops/fill/normal.h), to a unit in the last place; piece by piece.
void fill_from_host(const Tensor& tensor, float deviation, uint64_t seed, uint64_t stream, Backend& backend) {
  constexpr int64_t kPiece = 1 << 20;
  const uint64_t key = random_key(seed, stream);
  const int64_t count = tensor.rows * tensor.columns;
  std::vector<float> values;
  std::vector<char> stored;
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    values.resize(static_cast<size_t>(std::min(kPiece, count - begin)));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = deviation * normal_from_bits(random_bits(key, static_cast<uint64_t>(begin) + i));
    stored.resize(values.size() * size_of(tensor.dtype));
    narrow(values.data(), tensor.dtype, stored.data(), values.size());
    backend.upload(static_cast<char*>(tensor.data) + begin * static_cast<int64_t>(size_of(tensor.dtype)), stored.data(),
                   static_cast<int64_t>(stored.size()));
  }
}

}  // namespace

std::unique_ptr<RewardModel> RewardModel::random(const Architecture& architecture, const RandomOptions& options,
                                                 Backend& backend) {
  if (!backend.computes_in(options.precision))
    fail("The backend ", backend.name(), " does not compute in ", name(options.precision), ".");
  std::unique_ptr<RewardModel> model(new RewardModel);
  model->backend_ = &backend;
  model->architecture_ = architecture;
  model->precision_ = backend.set_precision(options.precision);
  model->activations_ = backend.activations(model->precision_);
  const HeadMatch head = new_head(architecture, "of random numbers");
  model->head_ = head.facts;
  model->parameters_ = std::make_unique<Parameters>(architecture, model->activations_, backend);
  if (options.float32_copy && model->activations_ != DType::float32)
    model->float32_copy_ = std::make_unique<Parameters>(architecture, DType::float32, backend);

  model->reward_head_ = head.make(*model->parameters_, backend);
  const auto fill_all = [&](const Parameters& parameters, bool matrices_only) {
    const ParameterLayout& layout = parameters.layout();
    uint64_t stream = 0;
    for (const Parameter& parameter : layout.parameters()) {
      ++stream;
      const Tensor tensor = layout.tensor(parameter, parameters.data());
      if (parameter.shape.size() == 2) {
        if (matrices_only && !parameter.is_matrix()) continue;
        const float deviation = parameter.name == kHeadName ? 1 / static_cast<float>(architecture.hidden_size + 1)
                                                            : architecture.initializer_range;
        if (options.fill_normal) options.fill_normal(tensor, deviation, options.seed, stream);
        else fill_from_host(tensor, deviation, options.seed, stream, backend);
      } else if (!matrices_only && !parameter.name.ends_with(".bias")) {  // biases stay at 0, as allocated
        const std::vector<float> ones(static_cast<size_t>(parameter.count()), 1 - architecture.norm_weight_offset);
        backend.upload(tensor.data, ones.data(), static_cast<int64_t>(ones.size() * sizeof(float)));
      }
    }
  };
  fill_all(*model->parameters_, false);
  if (model->float32_copy_) fill_all(*model->float32_copy_, true);
  return model;
}

}  // namespace cheems::model
