// Where each parameter of a model lies in one block of memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "model/architecture.h"
#include "model/parameters/decoder_parameters.h"
#include "model/parameters/parameter.h"
#include "model/parameters/visitor.h"

namespace cheems::model {

// A row-major matrix that is used directly from a mapped file.
struct MappedMatrix {
  const void* data;
  DType dtype;
  std::string stored_name;  // of the tensor in the checkpoint
};
using MappedMatrices = std::map<std::string, MappedMatrix>;  // by the parameter's name

// Contiguous parameters of one layer (or outside the layers): what an update, or a rank, processes at once.
struct ParameterRange {
  Tensor tensor;  // an embedding [V, H]; else [rows, 16], gaps between parameters hold zeros
  Role role;      // embedding; matrix; or vector, for everything that is always float32
  int64_t layer;  // or kOutsideLayers
};

// Matrices have `matrix_dtype`; vectors (norms, biases) and heads are always float32. The embedding comes first, then
// the other matrices, then everything that is always float32, layer by layer. Layouts of one architecture have the same
// elements in each range, whatever their dtype. Matrices in `mapped` take no space in the block.
class ParameterLayout {
 public:
  ParameterLayout(const Architecture& architecture, DType matrix_dtype, const ModelEnd& end = ModelEnd::reward_head,
                  const MappedMatrices& mapped = {});
  // For gradients or moments: what is not trained takes no space, and its view is empty. Throws Error if nothing is
  // trained, and if only some of the parameters that form one matrix are trained.
  ParameterLayout(const Architecture& architecture, DType matrix_dtype, const ModelEnd& end, const TrainedSet& trained);

  const ModelEnd& end() const { return end_; }
  const Architecture& architecture() const { return architecture_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t bytes() const { return bytes_; }
  int64_t count() const;  // numbers in total
  // Gives the views of a block that begins at `base` to a body's description.
  ParameterVisitor views(void* base) const;
  // The views of a decoder; an encoder's are encoder_tensors().
  ModelTensors tensors(void* base) const;
  Tensor tensor(const Parameter& parameter, void* base) const;
  // In the order of the block: all parameters that `trained`, a layout of the same parameters, has space for.
  std::vector<ParameterRange> ranges(void* base, const ParameterLayout& trained) const;
  std::vector<ParameterRange> ranges(void* base) const { return ranges(base, *this); }

 private:
  void declare(const MappedMatrices& mapped);
  void lay_out();
  bool has_room(const Parameter& parameter) const { return parameter.trained && !parameter.mapped; }
  Architecture architecture_;
  DType matrix_dtype_;
  ModelEnd end_;
  std::vector<Parameter> parameters_;  // in the order of the description
  int64_t bytes_ = 0;
};

}  // namespace cheems::model
