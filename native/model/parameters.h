// All parameters of a model in one block of memory, under their Hugging Face names.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/tensor.h"
#include "model/architecture.h"

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
  int64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int64_t columns() const { return shape.back(); }
  int64_t count() const { return rows() * columns(); }
};

// One expert of a layer with several. Gate (w1) and up (w3) lie one after the other.
struct ExpertTensors {
  Tensor gate_up;  // [2 I, H]
  Tensor down;     // [H, I]
};

// The views that a layer computes with. Query, key and value projections lie one after another, so that they are
// one matrix too; so do gate and up. Absent tensors are empty.
struct LayerTensors {
  Tensor input_norm;           // [1, H]
  Tensor qkv, qkv_bias;        // [Q + 2 KV, H], [1, Q + 2 KV]
  Tensor q_norm, k_norm;       // [1, head_size]
  Tensor output, output_bias;  // [H, Q], [1, H]
  Tensor mlp_norm;             // [1, H]: before the MLP
  Tensor attention_branch_norm, mlp_branch_norm;  // [1, H]: at the ends of the branches (branch_norms)
  Tensor gate_up, gate_up_bias;  // [2 I, H], [1, 2 I]; absent where there are experts
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
};

// Where each parameter lies. Matrices have `matrix_dtype`; vectors (norms, biases) and the head are float32 always.
// The embedding comes first, the other matrices after it and all that is float32 always at the end, so that each of the
// three is one range for the optimiser; layouts of one architecture have the same elements in each range, whatever their dtype.
class ParameterLayout {
 public:
  ParameterLayout(const Architecture& architecture, DType matrix_dtype, ModelEnd end = ModelEnd::reward_head);
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
  int64_t matrix_bytes_ = 0, bytes_ = 0;
};

class Parameters {
 public:
  Parameters(const Architecture& architecture, DType matrix_dtype, Backend& backend, ModelEnd end = ModelEnd::reward_head);
  const ParameterLayout& layout() const { return layout_; }
  const ModelTensors& tensors() const { return tensors_; }
  void* data() const { return buffer_->data(); }

 private:
  ParameterLayout layout_;
  std::unique_ptr<Buffer> buffer_;
  ModelTensors tensors_;
};

}  // namespace cheems::model
