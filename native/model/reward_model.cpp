#include "model/reward_model.h"

#include <algorithm>

#include "core/error.h"
#include "core/knobs.h"
#include "core/random.h"
#include "model/heads/heads.h"
#include "model/heads/linear.h"
#include "model/plain_names.h"
#include "model/saved_tensors.h"
#include "model/weight_reader.h"
#include "storage/checkpoint.h"
#include "storage/safetensors_writer.h"

namespace cheems::model {
namespace {

std::vector<float> normal_values(int64_t count, double deviation, uint64_t seed, uint64_t stream) {
  RandomStream random(seed, stream);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(deviation * random.normal());
  return values;
}

constexpr uint64_t kHeadStream = ~uint64_t{0};

}  // namespace

DType RewardModel::stored_matrix_dtype(const std::string& folder) {
  const Architecture architecture = read_architecture(folder);
  const auto checkpoint = open_weights(folder, architecture);
  return WeightReader(checkpoint, architecture).common_matrix_dtype(ParameterLayout(architecture, DType::float32));
}

Architecture RewardModel::read_architecture(const std::string& folder) {
  return read_architecture_file(folder + "/config.json");
}

// A folder's head, prepared for training or scoring, or a new one.
HeadMatch RewardModel::take_head(const Architecture& architecture, const storage::Checkpoint& checkpoint,
                                 const LoadOptions& options) {
  if (options.create_head) require_decoder(architecture, "training");
  const ConfigJson config(options.folder + "/config.json");
  if (options.create_head && config.has("attention_dropout") && config.number("attention_dropout") != 0) {
    config.refuse(
        "attention_dropout",
        "this engine trains without dropout. Set it to 0.0 to train without; scores and texts do not depend on it.");
  }
  std::optional<HeadMatch> found =
      find_head({checkpoint, config, architecture, options.reward_head, options.normalize_reward});
  if (!found) {
    if (options.create_head) return new_head(architecture, "new");
    fail(options.folder,
         " has no reward head of any known kind (score.weight, v_head.weight, …; docs/models.md lists them): it is a "
         "language model, and scoring with it would give noise. Train it first (cheems-native train --model_path ...), "
         "or name the folder of a trained reward model. "
         "A model whose reward is the logit of vocabulary id 0 (Nemotron-70B-Reward) is scored with ",
         knob("rewardHead", "vocabulary_row"), ".");
  }
  HeadMatch head = std::move(*found);
  if (!options.create_head) return head;
  if (head.end.kind != ModelEnd::reward_head) {
    fail(
        options.folder, " has a reward head of kind ", head.facts.kind, " (", head.facts.description,
        "), which can be scored with but not trained: training knows linear heads and layers with ReLU to one number.");
  }
  if (!head.rule.plain()) {
    for (float& weight : head.weight) weight = static_cast<float>(static_cast<double>(weight) * head.rule.scale);
    head.rule = {};
    head.facts.description += "; training leaves out its offset, which shifts all rewards equally";
    finish_linear_head(head);
  }
  return head;
}

std::unique_ptr<RewardModel> RewardModel::load(const LoadOptions& options, Backend& backend) {
  std::unique_ptr<RewardModel> model(new RewardModel);
  model->backend_ = &backend;
  model->architecture_ = read_architecture(options.folder);
  const Architecture& architecture = model->architecture_;
  const auto opened = std::make_shared<storage::Checkpoint>(open_weights(options.folder, model->architecture_));
  storage::Checkpoint& checkpoint = *opened;
  add_head_files(checkpoint);
  // Trained weights are rounded from their float32 copy instead, which holds the files' own numbers.
  if (!options.float32_copy) checkpoint.round_to(options.weight_dtype);
  const HeadMatch head = take_head(architecture, checkpoint, options);
  model->head_ = head.facts;
  model->precision_ = take_precision(options.precision, backend);
  model->activations_ = backend.activations(model->precision_);
  model->weight_dtype_ = options.weight_dtype;
  const WeightReader reader(checkpoint, architecture);
  const ModelEnd& end = head.end;
  const bool is_rounded = options.weight_dtype != DType::float32;
  DType matrix_dtype = RewardModel::matrix_dtype(model->activations_, options.weight_dtype, backend.widens_weights());
  MappedMatrices mapped;
  if (backend.widens_weights() && options.keep_16_bit && !options.float32_copy) {  // trained weights are never mapped
    const ParameterLayout stored(architecture, DType::float32, end);
    if (!is_rounded) matrix_dtype = reader.common_matrix_dtype(stored);
    mapped = reader.mapped_matrices(stored, matrix_dtype);
    if (options.trained) {
      matrix_dtype = model->activations_;
      for (const auto& parameter : stored.parameters()) {
        if (options.trained(parameter)) mapped.erase(parameter.name);
      }
    }
  }
  model->parameters_ =
      std::make_unique<Parameters>(architecture, matrix_dtype, backend, end, std::move(mapped), opened);
  if (options.float32_copy && (is_rounded || matrix_dtype != DType::float32))
    model->float32_copy_ = std::make_unique<Parameters>(architecture, DType::float32, backend, end);
  const ParameterLayout& layout = model->parameters_->layout();
  reader.refuse_unknown_tensors(layout, head.tensors);
  const auto read = [&](const Parameter& parameter, void* destination) {
    if (parameter.name != kHeadName) return reader.read(parameter, destination, backend);
    const std::vector<float> weight =
        !head.weight.empty() ? head.weight
                             : normal_values(parameter.count(), 1.0 / static_cast<double>(architecture.hidden_size + 1),
                                             options.seed, kHeadStream);
    backend.upload(destination, weight.data(), parameter.count() * static_cast<int64_t>(sizeof(float)));
  };
  const bool rounds_copy = is_rounded && model->float32_copy_;
  for (const auto& parameter : layout.parameters()) {
    if (!parameter.mapped && !rounds_copy) read(parameter, layout.tensor(parameter, model->parameters_->data()).data);
  }
  model->reward_head_ = head.make(*model->parameters_, backend);
  if (model->float32_copy_) {
    const ParameterLayout& copy = model->float32_copy_->layout();
    for (const auto& parameter : copy.parameters()) {
      if (model->is_copied(parameter)) read(parameter, copy.tensor(parameter, model->float32_copy_->data()).data);
    }
  }
  if (rounds_copy) model->round_from_copy();
  return model;
}

bool RewardModel::is_copied(const Parameter& parameter) const {
  return float32_copy_ && (weight_dtype_ != DType::float32 || parameter.is_matrix());
}

void RewardModel::round_from_copy() {
  const ParameterLayout &layout = parameters_->layout(), &copy = float32_copy_->layout();
  std::vector<float> values;
  std::vector<char> stored;
  for (size_t i = 0; i < layout.parameters().size(); ++i) {  // in the same order
    const Parameter& parameter = layout.parameters()[i];
    values.resize(static_cast<size_t>(parameter.count()));
    stored.resize(values.size() * size_of(parameter.dtype));
    const void* exact = copy.tensor(copy.parameters()[i], float32_copy_->data()).data;
    backend_->download(values.data(), exact, static_cast<int64_t>(values.size() * sizeof(float)));
    round_to(weight_dtype_, values.data(), values.size());
    narrow(values.data(), parameter.dtype, stored.data(), values.size());
    backend_->upload(layout.tensor(parameter, parameters_->data()).data, stored.data(),
                     static_cast<int64_t>(stored.size()));
  }
}

DType RewardModel::matrix_dtype(DType activations, DType weight_dtype, bool widens_weights) {
  return widens_weights && weight_dtype != DType::float32 ? weight_dtype : activations;
}

void RewardModel::initialize(const std::string& config_file, uint64_t seed, const std::string& weights_file) {
  const Architecture architecture = read_architecture_file(config_file);
  require_decoder(architecture, "new weights");
  const ParameterLayout layout(architecture, DType::float32, ModelEnd::vocabulary);
  std::vector<storage::TensorDeclaration> declared;
  for (const auto& parameter : layout.parameters())
    declared.push_back({parameter.name, DType::float32, parameter.shape});
  storage::SafetensorsWriter writer(weights_file, declared);
  uint64_t stream = 0;
  for (const auto& tensor : declared) {
    int64_t count = 1;
    for (const int64_t size : tensor.shape) count *= size;
    // Vectors are norm weights, which begin at 1 (at 0 if the norm adds 1), or biases, which begin at 0.
    const bool bias = tensor.name.ends_with(".bias");
    const std::vector<float> values =
        tensor.shape.size() == 2
            ? normal_values(count, architecture.initializer_range, seed, stream)
            : std::vector<float>(static_cast<size_t>(count), bias ? 0.0f : 1.0f - architecture.norm_weight_offset);
    writer.write(tensor.name, values.data());
    ++stream;
  }
  writer.finish();
}

Tensor RewardModel::exact_tensor(const Parameter& parameter) const {
  const ParameterLayout& layout = parameters_->layout();
  if (!is_copied(parameter)) return layout.tensor(parameter, parameters_->data());
  const auto& copies = float32_copy_->layout().parameters();  // in the same order
  return float32_copy_->layout().tensor(copies[static_cast<size_t>(&parameter - layout.parameters().data())],
                                        float32_copy_->data());
}

void RewardModel::save_weights(const std::string& path, std::optional<DType> dtype) const {
  const auto& parameters = parameters_->layout().parameters();
  std::vector<storage::TensorDeclaration> declared;
  declared.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    declared.push_back({parameter.name, dtype.value_or(exact_tensor(parameter).dtype), parameter.shape});
  }
  storage::SafetensorsWriter writer(path, declared);
  for (size_t i = 0; i < parameters.size(); ++i)
    save_tensor(writer, declared[i], exact_tensor(parameters[i]), *backend_);
  writer.finish();
}

int64_t RewardModel::saved_bytes(const Architecture& architecture, DType exact_matrices, std::optional<DType> dtype,
                                 const ModelEnd& end) {
  const ParameterLayout layout(architecture, exact_matrices, end);
  std::vector<storage::TensorDeclaration> declared;
  for (const auto& parameter : layout.parameters()) {
    declared.push_back({parameter.name, dtype.value_or(parameter.dtype), parameter.shape});
  }
  return static_cast<int64_t>(storage::SafetensorsWriter::file_size_of(declared));
}

ModelEnd RewardModel::planned_end(const std::string& folder, const std::string& reward_head) {
  try {
    const Architecture architecture = read_architecture(folder);
    auto checkpoint = open_weights(folder, architecture);
    add_head_files(checkpoint);
    const ConfigJson config(folder + "/config.json");
    const auto found = find_head({checkpoint, config, architecture, reward_head, false});
    if (found && found->end.kind == ModelEnd::reward_head) return found->end;
  } catch (const Error&) {
    // Loading says it. A folder that is planned for need not have its weights yet.
  }
  return ModelEnd::reward_head;
}

void RewardModel::plan_as_stored(const std::string& folder, DType weight_dtype, MemoryPlan& plan,
                                 const std::string& reward_head) {
  const Architecture architecture = read_architecture(folder);
  const auto checkpoint = open_weights(folder, architecture);
  const WeightReader reader(checkpoint, architecture);
  const ModelEnd end = planned_end(folder, reward_head);
  const ParameterLayout stored(architecture, DType::float32, end);
  const DType dtype = weight_dtype != DType::float32 ? weight_dtype : reader.common_matrix_dtype(stored);
  const ParameterLayout layout(architecture, dtype, end, reader.mapped_matrices(stored, dtype));
  int64_t mapped = 0;
  for (const auto& parameter : layout.parameters()) {
    if (parameter.mapped) mapped += parameter.count() * static_cast<int64_t>(size_of(parameter.dtype));
  }
  plan.add(std::string("weights, ") + name(dtype) + (mapped > 0 ? ", besides the mapped" : ""), "weights",
           layout.bytes());
  if (mapped > 0) plan.add(std::string("weights, ") + name(dtype) + ", mapped from their files", "weights", mapped);
}

void RewardModel::plan(const Architecture& architecture, DType matrix_dtype, bool float32_copy, MemoryPlan& plan,
                       const ModelEnd& end) {
  plan.add(std::string("weights, ") + name(matrix_dtype), "weights",
           ParameterLayout(architecture, matrix_dtype, end).bytes());
  if (float32_copy)
    plan.add("weights, the float32 copy", "weights", ParameterLayout(architecture, DType::float32, end).bytes());
}

}  // namespace cheems::model
