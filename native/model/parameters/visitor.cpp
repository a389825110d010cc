#include "model/parameters/visitor.h"

namespace cheems::model {
namespace {

Tensor whole_of(const std::vector<Tensor>& parts) {
  Tensor whole;
  for (const Tensor& part : parts) {
    if (!whole) whole = part;
    else if (part.data == whole.row_range(whole.rows, 0).data && part.dtype == whole.dtype) whole.rows += part.rows;
    else return {};
  }
  return whole;
}

}  // namespace

Tensor ParameterVisitor::visit(Parameter parameter) {
  parameter.layer = layer_;
  return visit_(std::move(parameter));
}

Tensor ParameterVisitor::embedding(const std::string& name, int64_t rows, int64_t columns) {
  return visit({.name = name, .shape = {rows, columns}, .role = Role::embedding, .sharding = {Sharding::Axis::rows}});
}

Tensor ParameterVisitor::matrix(const std::string& name, int64_t rows, int64_t columns, Sharding sharding) {
  return visit({.name = name, .shape = {rows, columns}, .role = Role::matrix, .sharding = sharding});
}

Tensor ParameterVisitor::vector(const std::string& name, int64_t size, Sharding sharding) {
  return visit({.name = name, .shape = {size}, .role = Role::vector, .sharding = sharding});
}

Tensor ParameterVisitor::head(const std::string& name, std::vector<int64_t> shape) {
  return visit({.name = name, .shape = std::move(shape), .role = Role::head});
}

JoinedMatrices ParameterVisitor::matrices(const std::vector<Part>& parts, int64_t inputs, Sharding sharding) {
  JoinedMatrices joined;
  for (const Part& part : parts) {
    const Tensor view = visit({.name = part.name + ".weight",
                               .shape = {part.outputs, inputs},
                               .role = Role::matrix,
                               .sharding = sharding,
                               .follows_previous = &part != &parts.front()});
    if (view) joined.parts.push_back(view);
  }
  joined.whole = whole_of(joined.parts);
  return joined;
}

Tensor ParameterVisitor::biases(const std::vector<Part>& parts, Sharding sharding) {
  Tensor whole;
  for (const Part& part : parts) {
    const Tensor view = visit({.name = part.name + ".bias",
                               .shape = {part.outputs},
                               .role = Role::vector,
                               .sharding = sharding,
                               .follows_previous = &part != &parts.front()});
    if (!whole) whole = view;
    else whole.columns += view.columns, whole.stride = whole.columns;
  }
  return whole;
}

}  // namespace cheems::model
