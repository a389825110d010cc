// A stack of dense layers on a backend, for reward heads of more than one layer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/heads/head.h"
#include "ops/activation/activation.h"
#include "ops/operations.h"

namespace cheems::model {

// One layer's weights on the host: y = f(W x + b).
struct DenseLayer {
  int64_t inputs = 0, outputs = 0;
  std::vector<float> weight;             // [outputs, inputs]
  std::vector<float> bias;               // [outputs]; empty: none
  std::optional<Activation> activation;  // f; absent: none
};

// Reads <prefix><number>.weight and, if present, .bias, and checks that it takes `inputs` numbers.
DenseLayer read_dense_layer(const HeadSource& source, const std::string& prefix, int64_t number, int64_t inputs,
                            std::set<std::string>& tensors);
// What read_dense_layers reads, without the numbers: of a head that lies among the model's parameters.
std::vector<ModelEnd::Layer> dense_layer_shapes(const HeadSource& source, const std::string& prefix,
                                                std::set<std::string>& tensors);
// The numbers n of all tensors <prefix><n>.weight, ascending.
std::vector<int64_t> layer_numbers(const HeadSource& source, const std::string& prefix);
// The layers <prefix><n> of a Sequential in their order, `activation` after all but the last.
std::vector<DenseLayer> read_dense_layers(const HeadSource& source, const std::string& prefix, Activation activation,
                                          std::set<std::string>& tensors);

class DenseLayers {
 public:
  DenseLayers(const std::vector<DenseLayer>& layers, Backend& backend, const std::string& purpose);
  // x: [U, inputs] float32 in the backend's memory, after a decoder's forward (whose workspace is used).
  // `outputs` becomes [U, outputs], row after row, once the download that is returned has arrived.
  int64_t launch(const Tensor& x, std::vector<float>& outputs);
  int64_t outputs() const { return outputs_; }
  int64_t widest() const { return widest_; }

 private:
  struct Placed {
    Tensor weight, bias;
    std::optional<Activation> activation;
  };
  Backend& backend_;
  std::vector<Placed> layers_;
  std::unique_ptr<Buffer> weights_, scratch_;  // scratch: two matrices [rows, widest]
  int64_t outputs_ = 0, widest_ = 0, rows_ = 0;
};

// A head made of such stacks, which all read the same hidden states. Each kind defines what is computed from their
// outputs.
class DenseHead : public Head {
 public:
  struct Stack {
    const std::vector<DenseLayer>& layers;
    const char* purpose;
  };
  DenseHead(const std::vector<Stack>& stacks, Backend& backend);
  int64_t widest() const override;
  int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) override;

 protected:
  // Numbers that the stack outputs per row.
  int64_t width(size_t stack) const { return stacks_[stack].outputs(); }

 private:
  std::vector<DenseLayers> stacks_;
};

}  // namespace cheems::model
