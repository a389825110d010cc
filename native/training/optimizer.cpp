#include "training/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/knobs.h"
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

// The parameters of `layout` that `trained`, a layout of gradients, has space for.
std::vector<const model::Parameter*> trained_of(const model::ParameterLayout& layout,
                                                const model::ParameterLayout& trained) {
  std::vector<const model::Parameter*> chosen;
  for (size_t i = 0; i < layout.parameters().size(); ++i) {
    if (trained.parameters()[i].trained) chosen.push_back(&layout.parameters()[i]);
  }
  return chosen;
}

void declare(const char* prefix, const std::vector<const model::Parameter*>& parameters,
             std::vector<storage::TensorDeclaration>& declared) {
  for (const auto* parameter : parameters)
    declared.push_back({prefix + parameter->name, parameter->dtype, parameter->shape});
}

bool lies_behind(const Tensor& next, const Tensor& first) {
  return next.dtype == first.dtype && next.data == first.row_range(first.rows, 0).data;
}

}  // namespace

Optimizer::Optimizer(model::RewardModel& model, const TrainerOptions& options)
    : model_(model),
      backend_(model.backend()),
      seed_(options.seed),
      layout_(model.architecture(), options.optimizer_state, model.parameters().layout().end(), options.trained) {
  gradient_memory_ = backend_.allocate(layout_.bytes(), "gradients");
  first_moment_memory_ = backend_.allocate(layout_.bytes(), "AdamW's first moments");
  second_moment_memory_ = backend_.allocate(layout_.bytes(), "AdamW's second moments");
  squares_memory_ = backend_.allocate(sizeof(double), "the gradient's norm");
  gradient_tensors_ = layout_.tensors(gradient_memory_->data());
  if (!gradient_tensors_.embedding) return;
  row_seen_.assign(static_cast<size_t>(model.architecture().vocab_size), 0);
  row_seen_memory_ = backend_.allocate(static_cast<int64_t>(row_seen_.size()), "the marks of the vocabulary's rows");
}

void Optimizer::mark_tokens(std::span<const int32_t> tokens) {
  if (!trains_embedding()) return;
  for (const int32_t token : tokens) {
    uint8_t& seen = row_seen_[static_cast<size_t>(token)];
    row_seen_uploaded_ = row_seen_uploaded_ && seen;
    seen = 1;
  }
}

void Optimizer::clear_gradients() { backend_.zero(gradient_memory_->data(), gradient_memory_->size()); }

std::vector<Optimizer::Range> Optimizer::ranges() {
  const auto parameters = model_.parameters().layout().ranges(model_.parameters().data(), layout_);
  const auto gradients = layout_.ranges(gradient_memory_->data());
  const auto first = layout_.ranges(first_moment_memory_->data()),
             second = layout_.ranges(second_moment_memory_->data());
  std::vector<model::ParameterRange> masters(parameters.size());
  if (const model::Parameters* copy = model_.float32_copy()) masters = copy->layout().ranges(copy->data(), layout_);
  std::vector<Range> all;
  const Range* previous = nullptr;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool is_embedding = parameters[i].role == model::Role::embedding;
    // Vectors are float32 themselves.
    const bool has_master = parameters[i].role != model::Role::vector || model_.weight_dtype() != DType::float32;
    Range range{parameters[i].tensor, has_master ? masters[i].tensor : Tensor{},
                gradients[i].tensor,  first[i].tensor,
                second[i].tensor,     is_embedding ? static_cast<const uint8_t*>(row_seen_memory_->data()) : nullptr};
    if (previous && parameters[i].role == parameters[i - 1].role && goes_on(*previous, range)) {
      for (Tensor* part : {&all.back().parameter, &all.back().master, &all.back().gradient, &all.back().first_moment,
                           &all.back().second_moment})
        part->rows += range.gradient.rows;
    } else {
      all.push_back(range);
    }
    previous = is_embedding ? nullptr : &all.back();
  }
  return all;
}

// Sums over a range, and the random bits within it, depend on the range's elements. So how ranges are joined is part of
// the arithmetic.
bool Optimizer::goes_on(const Range& range, const Range& next) {
  return lies_behind(next.parameter, range.parameter) && lies_behind(next.gradient, range.gradient) &&
         (next.master ? lies_behind(next.master, range.master) : !range.master);
}

double Optimizer::update(const OptimizerStep& step) {
  const cheems::Range range(backend_, "optimizer");
  Operations& ops = backend_.operations();
  const auto all = ranges();
  if (trains_embedding() && !row_seen_uploaded_)
    backend_.upload(row_seen_memory_->data(), row_seen_.data(), static_cast<int64_t>(row_seen_.size()));
  row_seen_uploaded_ = true;
  auto* squares_on_device = static_cast<double*>(squares_memory_->data());
  backend_.zero(squares_on_device, sizeof(double));
  for (const Range& range : all)
    ops.sum_of_squares({.sum = squares_on_device, .x = range.gradient, .row_seen = range.row_seen});
  uint64_t number = 0;
  for (const Range& range : all) {
    ops.adamw_update({.parameter = range.parameter,
                      .master = range.master,
                      .gradient = range.gradient,
                      .first_moment = range.first_moment,
                      .second_moment = range.second_moment,
                      .row_seen = range.row_seen,
                      .squares = squares_on_device,
                      .max_grad_norm = step.max_grad_norm,
                      .step = step.step,
                      .learning_rate = step.learning_rate,
                      .beta1 = step.beta1,
                      .beta2 = step.beta2,
                      .epsilon = step.epsilon,
                      .weight_decay = step.weight_decay,
                      .seed = seed_ + (number++ << 32)});
  }
  double squares = 0;
  backend_.download(&squares, squares_on_device, sizeof(double));
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    fail("The gradient of step ", step.step, " is not finite (norm ", norm, "): training has diverged. Lower ",
         knob("learningRate"), " or raise ", knob("warmupRatio"), ", and resume from the last checkpoint.");
  }
  return norm;
}

std::vector<Optimizer::Block> Optimizer::blocks() const {
  std::vector<Block> all{{kFirstMoment, layout_, first_moment_memory_->data()},
                         {kSecondMoment, layout_, second_moment_memory_->data()}};
  // If the weights' own file has their exact numbers, the state need not store them.
  if (model_.weight_dtype() != DType::float32)
    all.push_back({kMaster, model_.float32_copy()->layout(), model_.float32_copy()->data()});
  return all;
}

void Optimizer::save(const std::string& path) const {
  std::vector<storage::TensorDeclaration> declared;
  for (const Block& block : blocks()) declare(block.prefix, trained_of(block.layout, layout_), declared);
  storage::SafetensorsWriter writer(path, declared);
  auto next = declared.begin();
  for (const Block& block : blocks()) {
    for (const auto* parameter : trained_of(block.layout, layout_)) {
      model::save_tensor(writer, *next++, block.layout.tensor(*parameter, block.data), backend_);
    }
  }
  writer.finish();
}

int64_t Optimizer::saved_bytes(const model::Architecture& architecture, const TrainerOptions& options,
                               DType weight_dtype, const model::ModelEnd& end) {
  std::vector<storage::TensorDeclaration> declared;
  const model::ParameterLayout moments(architecture, options.optimizer_state, end, options.trained),
      masters(architecture, DType::float32, end);
  declare(kFirstMoment, trained_of(moments, moments), declared);
  declare(kSecondMoment, trained_of(moments, moments), declared);
  if (weight_dtype != DType::float32) declare(kMaster, trained_of(masters, moments), declared);
  return static_cast<int64_t>(storage::SafetensorsWriter::file_size_of(declared));
}

// Moments that would not be used: those of another run, which trained other parameters.
void Optimizer::refuse_untrained(const storage::SafetensorsFile& file, const std::string& path) const {
  for (const auto& parameter : layout_.parameters()) {
    if (parameter.trained || !file.find(kFirstMoment + parameter.name)) continue;
    fail(path, ": the optimizer state is from a run that trained ", parameter.name,
         ", but this one does not; train the same parameters to continue it.");
  }
}

void Optimizer::load(const std::string& path) {
  const auto file = storage::SafetensorsFile::open(path);
  const int64_t vocab = model_.architecture().vocab_size, hidden = model_.architecture().hidden_size;
  std::vector<char> stored;
  std::vector<float> values;
  refuse_untrained(file, path);
  std::fill(row_seen_.begin(), row_seen_.end(), uint8_t{0});
  row_seen_uploaded_ = false;
  for (const Block& block : blocks()) {
    for (const auto* entry : trained_of(block.layout, layout_)) {
      const model::Parameter& parameter = *entry;
      values.resize(static_cast<size_t>(parameter.count()));
      stored.resize(values.size() * size_of(parameter.dtype));
      file.read_float32(block.prefix + parameter.name, values.data(), parameter.shape);
      narrow(values.data(), parameter.dtype, stored.data(), values.size());
      backend_.upload(block.layout.tensor(parameter, block.data).data, stored.data(),
                      static_cast<int64_t>(stored.size()));
      if (block.prefix == kMaster || parameter.role != model::Role::embedding) continue;
      // A row with zero moments is equivalent to one that never had a gradient.
      for (int64_t row = 0; row < vocab; ++row) {
        const auto begin = values.begin() + row * hidden;
        if (std::any_of(begin, begin + hidden, [](float x) { return x != 0; })) row_seen_[static_cast<size_t>(row)] = 1;
      }
    }
  }
  if (model_.weight_dtype() != DType::float32) model_.round_from_copy();
}

void Optimizer::plan(const model::Architecture& architecture, const TrainerOptions& options, const model::ModelEnd& end,
                     MemoryPlan& plan) {
  const DType state = options.optimizer_state;
  const int64_t bytes = model::ParameterLayout(architecture, state, end, options.trained).bytes();
  plan.add(std::string("gradients, ") + name(state), "gradients", bytes);
  plan.add(std::string("AdamW moments, ") + name(state), "optimizer", 2 * bytes);
}

}  // namespace cheems::training
