#include "model/heads/dense_layers.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "ops/activation/activation.h"
#include "ops/linear/linear.h"

namespace cheems::model {
namespace {

constexpr int64_t kAlignment = 64;  // floats: tensors of the stack are aligned so that any backend reads whole vectors

int64_t aligned(int64_t floats) { return (floats + kAlignment - 1) / kAlignment * kAlignment; }

ModelEnd::Layer dense_layer_shape(const HeadSource& source, const std::string& prefix, int64_t number, int64_t inputs,
                                  std::set<std::string>& tensors) {
  const std::string name = prefix + std::to_string(number), weight = name + ".weight", bias = name + ".bias";
  const auto shape = source.shape(weight);
  if (shape[1] != inputs)
    source.refuse(weight, "has shape [" + std::to_string(shape[0]) + ", " + std::to_string(shape[1]) +
                              "], but what it is given has " + std::to_string(inputs) + " numbers.");
  tensors.insert(weight);
  if (source.has(bias)) tensors.insert(bias);
  return {name, shape[0], inputs, source.has(bias)};
}

}  // namespace

std::vector<int64_t> layer_numbers(const HeadSource& source, const std::string& prefix) {
  std::vector<int64_t> numbers;
  for (const auto& name : source.checkpoint.names()) {
    if (!name.starts_with(prefix) || !name.ends_with(".weight")) continue;
    const std::string digits = name.substr(prefix.size(), name.size() - prefix.size() - std::string(".weight").size());
    int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

DenseLayer read_dense_layer(const HeadSource& source, const std::string& prefix, int64_t number, int64_t inputs,
                            std::set<std::string>& tensors) {
  const ModelEnd::Layer shape = dense_layer_shape(source, prefix, number, inputs, tensors);
  DenseLayer layer{.inputs = inputs,
                   .outputs = shape.outputs,
                   .weight = source.read(shape.name + ".weight", {shape.outputs, inputs}),
                   .bias = {},
                   .activation = {}};
  if (shape.has_bias) layer.bias = source.read(shape.name + ".bias", {layer.outputs});
  return layer;
}

std::vector<ModelEnd::Layer> dense_layer_shapes(const HeadSource& source, const std::string& prefix,
                                                std::set<std::string>& tensors) {
  std::vector<ModelEnd::Layer> layers;
  int64_t inputs = source.architecture.hidden_size;
  for (const int64_t number : layer_numbers(source, prefix)) {
    layers.push_back(dense_layer_shape(source, prefix, number, inputs, tensors));
    inputs = layers.back().outputs;
  }
  return layers;
}

std::vector<DenseLayer> read_dense_layers(const HeadSource& source, const std::string& prefix, Activation activation,
                                          std::set<std::string>& tensors) {
  std::vector<DenseLayer> layers;
  int64_t inputs = source.architecture.hidden_size;
  for (const int64_t number : layer_numbers(source, prefix)) {
    layers.push_back(read_dense_layer(source, prefix, number, inputs, tensors));
    layers.back().activation = activation;
    inputs = layers.back().outputs;
  }
  if (!layers.empty()) layers.back().activation.reset();
  return layers;
}

DenseLayers::DenseLayers(const std::vector<DenseLayer>& layers, Backend& backend, const std::string& purpose)
    : backend_(backend) {
  int64_t floats = 0;
  for (const auto& layer : layers) floats += aligned(layer.outputs * layer.inputs) + aligned(layer.outputs);
  weights_ = backend.allocate(floats * static_cast<int64_t>(sizeof(float)), purpose);
  auto* next = static_cast<float*>(weights_->data());
  const auto place = [&](const std::vector<float>& values, int64_t rows, int64_t columns) {
    const Tensor tensor = float_tensor(next, rows, columns);
    backend.upload(tensor.data, values.data(), static_cast<int64_t>(values.size() * sizeof(float)));
    next += aligned(rows * columns);
    return tensor;
  };
  for (const auto& layer : layers) {
    const Tensor weight = place(layer.weight, layer.outputs, layer.inputs);
    layers_.push_back({weight, layer.bias.empty() ? Tensor{} : place(layer.bias, 1, layer.outputs), layer.activation});
    outputs_ = layer.outputs;
    widest_ = std::max({widest_, layer.outputs, layer.inputs});
  }
}

int64_t DenseLayers::launch(const Tensor& x, std::vector<float>& outputs) {
  if (x.rows > rows_) {
    rows_ = x.rows;
    scratch_.reset();
    scratch_ = backend_.allocate(2 * aligned(rows_ * widest_) * static_cast<int64_t>(sizeof(float)),
                                 "the reward head's layers");
  }
  Operations& ops = backend_.operations();
  ConstTensor input = x;
  auto* const scratch = static_cast<float*>(scratch_->data());
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Placed& layer = layers_[i];
    const Tensor output =
        float_tensor(scratch + static_cast<int64_t>(i % 2) * aligned(rows_ * widest_), x.rows, layer.weight.rows);
    ops.linear_forward(
        {.y = output, .x = input, .weight = layer.weight, .bias = layer.bias, .residual = {}, .exact = true});
    if (layer.activation) ops.activation_forward({.y = output, .x = output, .activation = *layer.activation});
    input = output;
  }
  outputs.resize(static_cast<size_t>(x.rows * outputs_));
  return backend_.download_later(outputs.data(), input.data, static_cast<int64_t>(outputs.size() * sizeof(float)));
}

DenseHead::DenseHead(const std::vector<Stack>& stacks, Backend& backend) {
  for (const Stack& stack : stacks) stacks_.emplace_back(stack.layers, backend, stack.purpose);
}

int64_t DenseHead::widest() const {
  int64_t widest = 0;
  for (const DenseLayers& stack : stacks_) widest = std::max(widest, stack.widest());
  return widest;
}

int64_t DenseHead::launch(const HeadBatch& batch, HeadOutputs& outputs) {
  outputs.resize(stacks_.size());
  int64_t download = 0;
  for (size_t i = 0; i < stacks_.size(); ++i) download = stacks_[i].launch(batch.hidden, outputs[i]);
  return download;
}

}  // namespace cheems::model
