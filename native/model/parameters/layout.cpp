#include "model/parameters/layout.h"

#include <algorithm>

#include "core/error.h"
#include "model/networks/body.h"

namespace cheems::model {
namespace {

// In elements, so that layouts of different dtypes have their parameters at the same elements.
constexpr int64_t kParameterAlignment = 64;
constexpr int64_t kRangeColumns = 16;  // whole vectors of any backend

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

void check_trained(const std::vector<Parameter>& parameters) {
  bool any = false;
  for (size_t i = 0; i < parameters.size(); ++i) {
    any = any || parameters[i].trained;
    if (parameters[i].follows_previous && parameters[i].trained != parameters[i - 1].trained) {
      fail(parameters[i - 1].name, " and ", parameters[i].name, " are parts of one matrix or bias, of which ",
           parameters[parameters[i].trained ? i : i - 1].name,
           " is the only one to be trained: train both or neither.");
    }
  }
  if (!any) fail("No parameter of the model is to be trained, so there is nothing to update; choose at least one.");
}

}  // namespace

ParameterLayout::ParameterLayout(const Architecture& architecture, DType matrix_dtype, const ModelEnd& end,
                                 const MappedMatrices& mapped)
    : architecture_(architecture), matrix_dtype_(matrix_dtype), end_(end) {
  declare(mapped);
  lay_out();
}

ParameterLayout::ParameterLayout(const Architecture& architecture, DType matrix_dtype, const ModelEnd& end,
                                 const TrainedSet& trained)
    : architecture_(architecture), matrix_dtype_(matrix_dtype), end_(end) {
  declare({});
  if (trained) {
    for (Parameter& parameter : parameters_) parameter.trained = trained(parameter);
    check_trained(parameters_);
  }
  lay_out();
}

void ParameterLayout::declare(const MappedMatrices& mapped) {
  ParameterVisitor visitor([&](Parameter parameter) {
    if (parameter.is_matrix()) parameter.dtype = matrix_dtype_;
    if (const auto found = mapped.find(parameter.name); found != mapped.end()) {
      parameter.mapped = found->second.data;
      parameter.dtype = found->second.dtype;
    }
    parameters_.push_back(std::move(parameter));
    return Tensor{};
  });
  body_of(architecture_).describe(architecture_, end_, visitor);
}

void ParameterLayout::lay_out() {
  for (const bool matrices : {true, false}) {
    const auto element = static_cast<int64_t>(matrices ? size_of(matrix_dtype_) : sizeof(float));
    const int64_t unit = element * kParameterAlignment;
    bytes_ = round_up(bytes_, unit);
    for (Parameter& parameter : parameters_) {
      if (parameter.is_matrix() != matrices || !has_room(parameter)) continue;
      if (!parameter.follows_previous) bytes_ = round_up(bytes_, unit);
      parameter.offset = bytes_;
      bytes_ += parameter.count() * element;
    }
    bytes_ = round_up(bytes_, unit);
  }
}

ParameterVisitor ParameterLayout::views(void* base) const {
  return ParameterVisitor([this, base, next = size_t{0}](const Parameter& described) mutable {
    const Parameter& parameter = parameters_.at(next++);
    if (parameter.name != described.name) {
      fail("The parameters are described in a different order from their layout; this is a defect of the engine.");
    }
    return parameter.trained ? tensor(parameter, base) : Tensor{};
  });
}

ModelTensors ParameterLayout::tensors(void* base) const {
  if (!body_of(architecture_).has_backward) return {};
  ParameterVisitor visitor = views(base);
  return visit_decoder(architecture_, end_, visitor);
}

Tensor ParameterLayout::tensor(const Parameter& p, void* base) const {
  // A mapped file's pages cannot be written to; the type of a tensor does not say so.
  void* const data = p.mapped ? const_cast<void*>(p.mapped) : static_cast<char*>(base) + p.offset;
  return {data, p.dtype, p.rows(), p.columns(), p.columns()};
}

int64_t ParameterLayout::count() const {
  int64_t sum = 0;
  for (const auto& parameter : parameters_) sum += parameter.count();
  return sum;
}

std::vector<ParameterRange> ParameterLayout::ranges(void* base, const ParameterLayout& trained) const {
  std::vector<ParameterRange> all;
  for (const bool matrices : {true, false}) {
    bool continues = false;  // whether the next parameter may extend the last range
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const Parameter& parameter = parameters_[i];
      if (parameter.is_matrix() != matrices) continue;
      if (!has_room(parameter) || !trained.has_room(trained.parameters_[i])) {
        continues = false;
        continue;
      }
      const Tensor view = tensor(parameter, base);
      if (parameter.role == Role::embedding) {
        all.push_back({view, Role::embedding, parameter.layer});
        continues = false;
        continue;
      }
      if (!continues || all.back().layer != parameter.layer) {
        const Role role = matrices ? Role::matrix : Role::vector;
        all.push_back({{view.data, view.dtype, 0, kRangeColumns, kRangeColumns}, role, parameter.layer});
        continues = true;
      }
      Tensor& range = all.back().tensor;
      const int64_t bytes = static_cast<char*>(view.data) - static_cast<char*>(range.data);
      const int64_t end = bytes / static_cast<int64_t>(size_of(view.dtype)) + parameter.count();
      range.rows = round_up(end, kParameterAlignment) / kRangeColumns;
    }
  }
  return all;
}

}  // namespace cheems::model
