// All parameters of a model in one block of memory, under their Hugging Face names.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/tensor.h"
#include "model/architecture.h"

namespace cheems::storage {
class Checkpoint;
}

namespace cheems::model {

constexpr const char* kHeadName = "score.weight";
constexpr const char* kVocabularyName = "lm_head.weight";
// The head of an encoder, with the suffixes .weight and .bias.
constexpr const char *kPoolerName = "pooler.dense", *kClassifierName = "classifier";

// What follows the final norm: the linear head of a reward, a language model's vocabulary (lm_head, or the embedding where the
// two are tied), or nothing that these parameters hold (another kind of reward head keeps its own, see heads/).
enum class ModelEnd { reward_head, vocabulary, none };

struct Parameter {
  std::string name;            // as in the model file: model.layers.0.self_attn.q_proj.weight
  std::vector<int64_t> shape;  // [out, in] or [size]
  DType dtype;
  bool follows_previous;       // lies right after the parameter of its kind added before it
  int64_t offset;              // bytes from the block's start
  const void* mapped = nullptr;  // where it lies instead: in a mapped file, which is never written to
  int64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int64_t columns() const { return shape.back(); }
  int64_t count() const { return rows() * columns(); }
};

// One expert of a layer with several. Gate (w1) and up (w3) as gate and up below.
struct ExpertTensors {
  Tensor gate_up;  // [2 I, H]
  std::vector<Tensor> gate_up_parts;
  Tensor down;     // [H, I]
};

// The views that a layer computes with. Query, key and value projections lie one after another, so that they are
// one matrix too; so do gate and up. Where they lie in a mapped file they may lie apart: then the matrix is empty, and
// there are its parts alone. Absent tensors are empty.
struct LayerTensors {
  Tensor input_norm;           // [1, H]
  Tensor qkv, qkv_bias;        // [Q + 2 KV, H], [1, Q + 2 KV]
  std::vector<Tensor> qkv_parts;  // [Q, H], [KV, H], [KV, H]
  Tensor q_norm, k_norm;       // [1, head_size]
  Tensor output, output_bias;  // [H, Q], [1, H]
  Tensor mlp_norm;             // [1, H]: before the MLP
  Tensor attention_branch_norm, mlp_branch_norm;  // [1, H]: at the ends of the branches (branch_norms)
  Tensor gate_up, gate_up_bias;  // [2 I, H], [1, 2 I]; absent where there are experts
  std::vector<Tensor> gate_up_parts;  // [I, H], [I, H]
  Tensor down, down_bias;      // [H, I], [1, H]
  Tensor router;               // [E, H]; absent without experts
  std::vector<ExpertTensors> experts;
};

struct ModelTensors {
  Tensor embedding;  // [V, H]
  std::vector<LayerTensors> layers;
  Tensor final_norm;  // [1, H]
  Tensor head;        // [1, H]; absent but for ModelEnd::reward_head
  Tensor vocabulary;  // [V, H]; absent but for ModelEnd::vocabulary
  const storage::Checkpoint* files = nullptr;  // in whose mapped files some matrices lie; null where none does
};

// A matrix that is used where it lies in a mapped file, row-major and of the model's matrix dtype.
struct MappedMatrix {
  const void* data;
  std::string stored_name;  // of the tensor in the checkpoint
};
using MappedMatrices = std::map<std::string, MappedMatrix>;  // by the parameter's name

// Where each parameter lies. Matrices have `matrix_dtype`; vectors (norms, biases) and the head are float32 always.
// The embedding comes first, the other matrices after it and all that is float32 always at the end, so that each of the
// three is one range for the optimiser; layouts of one architecture have the same elements in each range, whatever their dtype.
// Matrices in `mapped` have no room in the block; there are no ranges then.
class ParameterLayout {
 public:
  ParameterLayout(const Architecture& architecture, DType matrix_dtype, ModelEnd end = ModelEnd::reward_head, const MappedMatrices& mapped = {});
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t bytes() const { return bytes_; }
  int64_t count() const;  // numbers in all
  // The views of a block that begins at `base`: weights, gradients or moments alike. Of a decoder; an encoder's are encoder_tensors().
  ModelTensors tensors(void* base) const;
  Tensor tensor(const Parameter& parameter, void* base) const;
  static bool is_matrix(const Parameter& parameter) { return parameter.shape.size() == 2 && !is_head(parameter.name); }
  static bool is_head(const std::string& name) { return name == kHeadName || name.starts_with(kPoolerName) || name.starts_with(kClassifierName); }
  // The embedding [V, H], all other matrices and all vectors, the latter two [rows, 16]; gaps between parameters hold zeros.
  std::array<Tensor, 3> ranges(void* base) const;

 private:
  void add(std::string name, std::vector<int64_t> shape, bool follows_previous = false);
  void add_decoder(const Architecture& architecture);
  void add_mlp(const Architecture& architecture, const std::string& prefix);
  void add_encoder(const Architecture& architecture);
  void lay_out();
  Architecture architecture_;
  DType matrix_dtype_;
  ModelEnd end_;
  std::vector<Parameter> parameters_;
  int64_t matrix_bytes_ = 0, vectors_begin_ = 0, bytes_ = 0;
};

class Parameters {
 public:
  Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, ModelEnd end = ModelEnd::reward_head);
  // The same with `mapped` matrices in the files of `files`, which is kept.
  Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, ModelEnd end, MappedMatrices mapped, std::shared_ptr<const storage::Checkpoint> files);
  const ParameterLayout& layout() const { return layout_; }
  const ModelTensors& tensors() const { return tensors_; }
  void* data() const { return buffer_->data(); }
  // Whether some matrices lie in mapped files, and so can be read but not trained.
  bool mapped() const { return !mapped_.empty(); }
  // Throws Error naming the first NaN or Inf of the mapped matrices, which were not looked through when they were loaded.
  void check_mapped_finite() const;

 private:
  MappedMatrices mapped_;
  std::shared_ptr<const storage::Checkpoint> files_;
  ParameterLayout layout_;
  std::unique_ptr<Buffer> buffer_;
  ModelTensors tensors_;
};

}  // namespace cheems::model
