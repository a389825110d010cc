// One parameter of a model: what a body's description (decoder_parameters.cpp, encoder_parameters.cpp) says about it,
// and where a layout has placed it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace cheems::model {

constexpr const char* kHeadName = "score.weight";
constexpr const char* kVocabularyName = "lm_head.weight";
// The head of an encoder, with the suffixes .weight and .bias.
constexpr const char *kPoolerName = "pooler.dense", *kClassifierName = "classifier";

// What follows the final norm: a reward head; a language model's vocabulary (lm_head, or the embedding if the two are
// tied); or nothing among these parameters (another kind of reward head keeps its own, see heads/).
struct ModelEnd {
  enum Kind { reward_head, vocabulary, none };
  // A layer of a reward head of several layers.
  struct Layer {
    std::string name;  // without .weight or .bias
    int64_t outputs, inputs;
    bool has_bias;
  };
  ModelEnd(Kind end_kind) : kind(end_kind) {}
  explicit ModelEnd(std::vector<Layer> head_layers) : kind(reward_head), layers(std::move(head_layers)) {}
  Kind kind;
  std::vector<Layer> layers;  // of a reward head; empty: the single layer of a linear head, kHeadName
};

enum class Role {
  embedding,  // the embedding table; rows of tokens that never occurred have no gradient
  matrix,     // of a linear layer
  vector,     // norms and biases, always float32
  head,       // matrices and biases of a reward head, always float32
};

// How ranks that compute one model together may share a parameter: each has some rows (outputs), some columns (inputs),
// or all of it. Cuts are at multiples of `unit`: an attention head stays whole.
struct Sharding {
  enum class Axis { none, rows, columns };
  Axis axis = Axis::none;
  int64_t unit = 1;
};

constexpr int64_t kOutsideLayers = -1;

struct Parameter {
  std::string name;            // as in the model file: model.layers.0.self_attn.q_proj.weight
  std::vector<int64_t> shape;  // [out, in] or [size]
  Role role = Role::matrix;
  int64_t layer = kOutsideLayers;
  Sharding sharding = {};
  bool follows_previous = false;  // directly follows the previous parameter of its kind: both are one matrix
  DType dtype = DType::float32;
  bool trained = true;           // false in a layout of gradients or moments: it takes no space there
  int64_t offset = 0;            // bytes from the block's start
  const void* mapped = nullptr;  // where it is instead: in a mapped file, which is never written to

  // Whether it has the dtype of the model's matrices; the others are always float32.
  bool is_matrix() const { return role == Role::embedding || role == Role::matrix; }
  int64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int64_t columns() const { return shape.back(); }
  int64_t count() const { return rows() * columns(); }
};

// Chooses the parameters that are trained, from what the description says about them. Those that form one matrix (q, k
// and v; gate and up), or one bias, are trained together or not at all. Empty: all are trained.
using TrainedSet = std::function<bool(const Parameter&)>;

}  // namespace cheems::model
