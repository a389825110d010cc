#include "training/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/saved_tensors.h"
#include "ops/adamw/adamw.h"
#include "ops/grad_norm/grad_norm.h"
#include "ops/operations.h"
#include "storage/safetensors.h"
#include "storage/safetensors_writer.h"

namespace cheems::training {
namespace {
constexpr const char* kFirstMoment = "first_moment.";
constexpr const char* kSecondMoment = "second_moment.";
constexpr const char* kMaster = "master.";

void declare(const char* prefix, const model::ParameterLayout& layout, std::vector<storage::TensorDeclaration>& declared) {
  for (const auto& parameter : layout.parameters()) {
    declared.push_back({prefix + parameter.name, parameter.dtype, parameter.shape});
  }
}

}  // namespace

Optimizer::Optimizer(model::RewardModel& model, DType state, uint64_t seed)
    : model_(model), backend_(model.backend()), seed_(seed), layout_(model.architecture(), state) {
  gradient_memory_ = backend_.allocate(layout_.bytes(), "gradients");
  first_moment_memory_ = backend_.allocate(layout_.bytes(), "AdamW's first moments");
  second_moment_memory_ = backend_.allocate(layout_.bytes(), "AdamW's second moments");
  squares_memory_ = backend_.allocate(sizeof(double), "the gradient's norm");
  row_seen_.assign(static_cast<size_t>(model.architecture().vocab_size), 0);
  row_seen_memory_ = backend_.allocate(static_cast<int64_t>(row_seen_.size()), "the marks of the vocabulary's rows");
  gradient_tensors_ = layout_.tensors(gradient_memory_->data());
}

void Optimizer::mark_tokens(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) {
    uint8_t& seen = row_seen_[static_cast<size_t>(token)];
    row_seen_uploaded_ = row_seen_uploaded_ && seen;
    seen = 1;
  }
}

void Optimizer::clear_gradients() { backend_.zero(gradient_memory_->data(), gradient_memory_->size()); }

std::vector<Optimizer::Range> Optimizer::ranges() {
  const auto parameters = model_.parameters().layout().ranges(model_.parameters().data());
  const auto gradients = layout_.ranges(gradient_memory_->data());
  const auto first = layout_.ranges(first_moment_memory_->data()), second = layout_.ranges(second_moment_memory_->data());
  std::array<Tensor, 3> masters{};
  if (const model::Parameters* copy = model_.float32_copy()) masters = copy->layout().ranges(copy->data());
  if (model_.weight_dtype() == DType::float32) masters.back() = {};  // vectors are float32 themselves
  std::vector<Range> all;
  for (size_t i = 0; i < parameters.size(); ++i) {
    all.push_back({parameters[i], masters[i], gradients[i], first[i], second[i], i == 0 ? static_cast<const uint8_t*>(row_seen_memory_->data()) : nullptr});
  }
  return all;
}

double Optimizer::update(const OptimizerStep& step) {
  const cheems::Range range(backend_, "optimizer");
  Operations& ops = backend_.operations();
  const auto all = ranges();
  if (!row_seen_uploaded_) backend_.upload(row_seen_memory_->data(), row_seen_.data(), static_cast<int64_t>(row_seen_.size()));
  row_seen_uploaded_ = true;
  auto* squares_on_device = static_cast<double*>(squares_memory_->data());
  backend_.zero(squares_on_device, sizeof(double));
  for (const Range& range : all) ops.sum_of_squares({.sum = squares_on_device, .x = range.gradient, .row_seen = range.row_seen});
  uint64_t number = 0;
  for (const Range& range : all) {
    ops.adamw_update({.parameter = range.parameter, .master = range.master, .gradient = range.gradient, .first_moment = range.first_moment, .second_moment = range.second_moment,
                      .row_seen = range.row_seen, .squares = squares_on_device, .max_grad_norm = step.max_grad_norm, .step = step.step, .learning_rate = step.learning_rate,
                      .beta1 = step.beta1, .beta2 = step.beta2, .epsilon = step.epsilon, .weight_decay = step.weight_decay, .seed = seed_ + (number++ << 32)});
  }
  double squares = 0;
  backend_.download(&squares, squares_on_device, sizeof(double));
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    fail("The gradient of step ", step.step, " is not finite (norm ", norm, "): training has diverged. Lower --learning_rate or raise --warmup_ratio, and resume from the last checkpoint.");
  }
  return norm;
}

std::vector<Optimizer::Block> Optimizer::blocks() const {
  std::vector<Block> all{{kFirstMoment, layout_, first_moment_memory_->data()}, {kSecondMoment, layout_, second_moment_memory_->data()}};
  // Where the weights' own file has their exact numbers, the state need not.
  if (model_.weight_dtype() != DType::float32) all.push_back({kMaster, model_.float32_copy()->layout(), model_.float32_copy()->data()});
  return all;
}

void Optimizer::save(const std::string& path) const {
  std::vector<storage::TensorDeclaration> declared;
  for (const Block& block : blocks()) declare(block.prefix, block.layout, declared);
  storage::SafetensorsWriter writer(path, declared);
  auto next = declared.begin();
  for (const Block& block : blocks()) {
    for (const auto& parameter : block.layout.parameters()) {
      model::save_tensor(writer, *next++, block.layout.tensor(parameter, block.data), backend_);
    }
  }
  writer.finish();
}

int64_t Optimizer::saved_bytes(const model::Architecture& architecture, DType state, DType weight_dtype) {
  std::vector<storage::TensorDeclaration> declared;
  const model::ParameterLayout moments(architecture, state), masters(architecture, DType::float32);
  declare(kFirstMoment, moments, declared);
  declare(kSecondMoment, moments, declared);
  if (weight_dtype != DType::float32) declare(kMaster, masters, declared);
  return static_cast<int64_t>(storage::SafetensorsWriter::file_size_of(declared));
}

void Optimizer::load(const std::string& path) {
  const auto file = storage::SafetensorsFile::open(path);
  const int64_t vocab = model_.architecture().vocab_size, hidden = model_.architecture().hidden_size;
  std::vector<char> stored;
  std::vector<float> values;
  std::fill(row_seen_.begin(), row_seen_.end(), uint8_t{0});
  row_seen_uploaded_ = false;
  for (const Block& block : blocks()) {
    for (const auto& parameter : block.layout.parameters()) {
      values.resize(static_cast<size_t>(parameter.count()));
      stored.resize(values.size() * size_of(parameter.dtype));
      file.read_float32(block.prefix + parameter.name, values.data(), parameter.shape);
      narrow(values.data(), parameter.dtype, stored.data(), values.size());
      backend_.upload(block.layout.tensor(parameter, block.data).data, stored.data(), static_cast<int64_t>(stored.size()));
      if (block.prefix == kMaster || &parameter != &block.layout.parameters().front()) continue;
      // A row with zero moments is as good as one that never had a gradient.
      for (int64_t row = 0; row < vocab; ++row) {
        const auto begin = values.begin() + row * hidden;
        if (std::any_of(begin, begin + hidden, [](float x) { return x != 0; })) row_seen_[static_cast<size_t>(row)] = 1;
      }
    }
  }
  if (model_.weight_dtype() != DType::float32) model_.round_from_copy();
}

void Optimizer::plan(const model::Architecture& architecture, DType state, MemoryPlan& plan) {
  const int64_t bytes = model::ParameterLayout(architecture, state).bytes();
  plan.add(std::string("gradients, ") + name(state), "gradients", bytes);
  plan.add(std::string("AdamW moments, ") + name(state), "optimiser", 2 * bytes);
}

}  // namespace cheems::training
