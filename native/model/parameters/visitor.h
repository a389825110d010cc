// What a body's description passes its parameters to. It runs once to lay them out, without memory, and again to hand
// out views of a block with that layout: weights, gradients or moments.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "model/parameters/parameter.h"

namespace cheems::model {

// Contiguous matrices are also one matrix. If they are separate (in a mapped file), only the parts are present.
struct JoinedMatrices {
  Tensor whole;
  std::vector<Tensor> parts;
};

class ParameterVisitor {
 public:
  // `visit` returns the parameter's view, which is empty if the block does not have it.
  explicit ParameterVisitor(std::function<Tensor(Parameter)> visit) : visit_(std::move(visit)) {}

  // The layer of the parameters that follow, or kOutsideLayers.
  void set_layer(int64_t layer) { layer_ = layer; }
  Tensor embedding(const std::string& name, int64_t rows, int64_t columns);
  Tensor matrix(const std::string& name, int64_t rows, int64_t columns, Sharding sharding = {});
  Tensor vector(const std::string& name, int64_t size, Sharding sharding = {});
  Tensor head(const std::string& name, std::vector<int64_t> shape);

  // Linear layers over the same inputs, side by side.
  struct Part {
    std::string name;  // without .weight or .bias
    int64_t outputs;
  };
  JoinedMatrices matrices(const std::vector<Part>& parts, int64_t inputs, Sharding sharding = {});
  Tensor biases(const std::vector<Part>& parts, Sharding sharding = {});

 private:
  Tensor visit(Parameter parameter);
  std::function<Tensor(Parameter)> visit_;
  int64_t layer_ = kOutsideLayers;
};

}  // namespace cheems::model
