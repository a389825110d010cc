#include "training/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/operations.h"
#include "storage/safetensors.h"
#include "storage/safetensors_writer.h"

namespace cheems::training {
namespace {
constexpr const char* kFirstMoment = "first_moment.";
constexpr const char* kSecondMoment = "second_moment.";
constexpr int64_t kVectorWidth = 16;  // the layout's blocks are multiples of 16 floats
}  // namespace

Optimizer::Optimizer(model::RewardModel& model) : model_(model), backend_(model.backend()) {
  const auto& layout = model.parameters().layout();
  gradient_memory_ = backend_.allocate(layout.bytes(), "gradients");
  first_moment_memory_ = backend_.allocate(layout.bytes(), "AdamW's first moments");
  second_moment_memory_ = backend_.allocate(layout.bytes(), "AdamW's second moments");
  gradient_tensors_ = layout.tensors(gradient_memory_->data());
  row_seen_.assign(static_cast<size_t>(model.architecture().vocab_size), 0);
}

void Optimizer::mark_tokens(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) row_seen_[static_cast<size_t>(token)] = 1;
}

void Optimizer::clear_gradients() { backend_.zero(gradient_memory_->data(), gradient_memory_->size()); }

std::vector<Optimizer::Range> Optimizer::ranges() {
  const auto& layout = model_.parameters().layout();
  const auto& embedding = layout.parameters().front();
  const int64_t rest = layout.parameters()[1].offset;
  const auto range = [&](int64_t offset, int64_t rows, int64_t columns, const uint8_t* row_seen) {
    const auto at = [&](void* base) { return float_tensor(reinterpret_cast<float*>(static_cast<char*>(base) + offset), rows, columns); };
    return Range{at(model_.parameters().data()), at(gradient_memory_->data()), at(first_moment_memory_->data()), at(second_moment_memory_->data()), row_seen};
  };
  return {range(0, embedding.rows(), embedding.columns(), row_seen_.data()),
          range(rest, (layout.bytes() - rest) / static_cast<int64_t>(sizeof(float)) / kVectorWidth, kVectorWidth, nullptr)};
}

double Optimizer::update(const OptimizerStep& step) {
  Operations& ops = backend_.operations();
  const auto all = ranges();
  double squares = 0;
  for (const Range& range : all) ops.sum_of_squares({.sum = &squares, .x = range.gradient, .row_seen = range.row_seen});
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    clear_gradients();
    fail("The gradient of step ", step.step, " is not finite (norm ", norm, "): training has diverged. Lower --learning_rate or raise --warmup_ratio, and resume from the last checkpoint.");
  }
  const double clip = step.max_grad_norm > 0 ? std::min(1.0, step.max_grad_norm / (norm + 1e-6)) : 1.0;
  for (const Range& range : all) {
    ops.adamw_update({.parameter = range.parameter, .gradient = range.gradient, .first_moment = range.first_moment, .second_moment = range.second_moment,
                      .row_seen = range.row_seen, .clip = clip, .step = step.step, .learning_rate = step.learning_rate, .beta1 = step.beta1, .beta2 = step.beta2,
                      .epsilon = step.epsilon, .weight_decay = step.weight_decay});
  }
  return norm;
}

void Optimizer::save(const std::string& path) const {
  const auto& layout = model_.parameters().layout();
  std::vector<storage::TensorDeclaration> declared;
  for (const char* moment : {kFirstMoment, kSecondMoment}) {
    for (const auto& parameter : layout.parameters()) declared.push_back({moment + parameter.name, DType::float32, parameter.shape});
  }
  storage::SafetensorsWriter writer(path, declared);
  std::vector<float> values;
  for (const char* moment : {kFirstMoment, kSecondMoment}) {
    Buffer& memory = moment == kFirstMoment ? *first_moment_memory_ : *second_moment_memory_;
    for (const auto& parameter : layout.parameters()) {
      values.resize(static_cast<size_t>(parameter.count()));
      backend_.download(values.data(), layout.tensor(parameter, memory.data()).data, parameter.count() * static_cast<int64_t>(sizeof(float)));
      writer.write(moment + parameter.name, values.data());
    }
  }
  writer.finish();
}

void Optimizer::load(const std::string& path) {
  const auto file = storage::SafetensorsFile::open(path);
  const auto& layout = model_.parameters().layout();
  const int64_t vocab = model_.architecture().vocab_size, hidden = model_.architecture().hidden_size;
  std::vector<float> values;
  std::fill(row_seen_.begin(), row_seen_.end(), uint8_t{0});
  for (const char* moment : {kFirstMoment, kSecondMoment}) {
    Buffer& memory = moment == kFirstMoment ? *first_moment_memory_ : *second_moment_memory_;
    for (const auto& parameter : layout.parameters()) {
      values.resize(static_cast<size_t>(parameter.count()));
      file.read_float32(moment + parameter.name, values.data(), parameter.shape);
      backend_.upload(layout.tensor(parameter, memory.data()).data, values.data(), parameter.count() * static_cast<int64_t>(sizeof(float)));
      if (&parameter != &layout.parameters().front()) continue;
      // A row with zero moments is as good as one that never had a gradient.
      for (int64_t row = 0; row < vocab; ++row) {
        const auto begin = values.begin() + row * hidden;
        if (std::any_of(begin, begin + hidden, [](float x) { return x != 0; })) row_seen_[static_cast<size_t>(row)] = 1;
      }
    }
  }
}

void Optimizer::plan(const model::Architecture& architecture, MemoryPlan& plan) {
  const int64_t bytes = model::ParameterLayout(architecture, DType::float32).bytes();
  plan.add("gradients", "gradients", bytes);
  plan.add("AdamW moments, float32", "optimiser", 2 * bytes);
}

}  // namespace cheems::training
