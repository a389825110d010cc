// Reading a model's parameters out of a checkpoint, whatever the checkpoint calls them.
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

// What stands before a decoder's names in files: of transformers' classes, of Starling's, of a bare decoder.
constexpr std::array<const char*, 3> kDecoderPrefixes = {"model.", "transformer.", ""};

class WeightReader {
 public:
  // Finds out where the decoder's tensors stand: under model., transformer. (Starling) or without any prefix. The
  // checkpoint outlives the reader. Throws Error where two such sets are there.
  WeightReader(const storage::Checkpoint& checkpoint, const Architecture& architecture);

  // The parameter as the checkpoint has it, converted to its dtype, into the backend's memory. Throws Error naming
  // folder and tensor where it is absent or of another shape.
  void read(const Parameter& parameter, void* destination, Backend& backend) const;
  // The 16-bit type that all matrices share, where they do; float32 otherwise.
  DType common_matrix_dtype(const ParameterLayout& layout) const;
  // The layout's matrices that can be used where they lie in the mapped files: whole, of `matrix_dtype`, at an address
  // that suits it. Neither read nor looked through. Only for a backend that computes with the host's memory
  // (widens_weights).
  MappedMatrices mapped_matrices(const ParameterLayout& layout, DType matrix_dtype) const;
  // Whether the checkpoint has an output layer other than its embedding: it is the model's, as transformers 5 has it,
  // even where config.json says that the two are one (tie_word_embeddings).
  bool has_output_layer_of_its_own() const;
  // Every tensor of the checkpoint must have a place: one left over means that config.json and the weights disagree.
  // `others`: names that something else than the layout reads.
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

// The dtype of activations: `wanted`, or the backend's own choice. Throws Error where the backend does not compute in
// it.
DType activation_dtype(std::optional<DType> wanted, const Backend& backend);

}  // namespace cheems::model
