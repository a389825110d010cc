// Reading a model's parameters from a checkpoint, whatever names it uses.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "model/architecture.h"
#include "model/parameters/parameters.h"
#include "model/stored_tensor.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// What precedes a decoder's names in files: those of transformers' classes, of Starling's, of a bare decoder.
constexpr std::array<const char*, 3> kDecoderPrefixes = {"model.", "transformer.", ""};

class WeightReader {
 public:
  // Finds the decoder's tensors: under model., transformer. (Starling) or without any prefix. The checkpoint must
  // outlive the reader. Throws Error if there are two such sets.
  WeightReader(const storage::Checkpoint& checkpoint, const Architecture& architecture);

  // Reads the parameter from the checkpoint, converted to its dtype, into the backend's memory. Throws Error with
  // folder and tensor if it is absent or has another shape.
  void read(const Parameter& parameter, void* destination, Backend& backend) const;
  // The 16-bit type that all matrices share, if they do; float32 otherwise.
  DType common_matrix_dtype(const ParameterLayout& layout) const;
  // The layout's matrices that can be used directly from the mapped files: whole, of `matrix_dtype`, at a suitable
  // address. They are neither read nor checked. Only for a backend that computes in the host's memory (widens_weights).
  MappedMatrices mapped_matrices(const ParameterLayout& layout, DType matrix_dtype) const;
  // Whether the checkpoint has an output layer other than its embedding. It is then the model's, as in transformers 5,
  // even if config.json says that the two are one (tie_word_embeddings).
  bool has_output_layer_of_its_own() const;
  // Every tensor of the checkpoint must have a place: one left over means that config.json and the weights disagree.
  // `others`: names that are read by other code than the layout's.
  void refuse_unknown_tensors(const ParameterLayout& layout, const std::set<std::string>& others) const;

 private:
  StoredTensor stored(const std::string& parameter) const;
  // The end of an error about shapes: which keys config.json lacks.
  std::string assumptions() const;
  bool is_unused(const std::string& name) const;
  // Its rows in order, as float32.
  std::vector<float> read_rows(const StoredTensor& stored, const Parameter& parameter) const;
  const storage::Checkpoint& checkpoint_;
  const Architecture& architecture_;
  std::string prefix_;
};

// Has the backend compute matrix products in `wanted`, or in its own choice, and returns what they are computed in.
// Throws Error for a dtype that the backend does not know.
DType take_precision(std::optional<DType> wanted, Backend& backend);

}  // namespace cheems::model
