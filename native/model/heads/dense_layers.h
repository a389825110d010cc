// A stack of dense layers on a backend: what reward heads of more than one layer are made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/heads/head.h"
#include "ops/operations.h"

namespace cheems::model {

// One layer's weights on the host: y = f(W x + b).
struct DenseLayer {
  int64_t inputs = 0, outputs = 0;
  std::vector<float> weight;  // [outputs, inputs]
  std::vector<float> bias;    // [outputs]; empty: none
  std::optional<Activation> activation;  // f; absent: none
};

// Reads <prefix><number>.weight and, where it is there, .bias, and checks that it takes `inputs` numbers.
DenseLayer read_dense_layer(const HeadSource& source, const std::string& prefix, int64_t number, int64_t inputs, std::set<std::string>& tensors);
// The numbers n of all tensors <prefix><n>.weight, ascending.
std::vector<int64_t> layer_numbers(const HeadSource& source, const std::string& prefix);
// The layers <prefix><n> of a Sequential in their order, `activation` after all but the last.
std::vector<DenseLayer> read_dense_layers(const HeadSource& source, const std::string& prefix, Activation activation, std::set<std::string>& tensors);

class DenseLayers {
 public:
  DenseLayers(const std::vector<DenseLayer>& layers, Backend& backend, const std::string& purpose);
  // x: [U, inputs] float32 in the backend's memory, after a decoder's forward (whose workspace is used).
  // Returns [U, outputs] on the host, row after row.
  std::vector<float> run(const Tensor& x);
  int64_t outputs() const { return outputs_; }
  int64_t widest() const { return widest_; }
  int64_t bytes() const { return weights_->size(); }

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

}  // namespace cheems::model
