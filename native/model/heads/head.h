// A reward head: what computes rewards from the hidden states after the final norm. One file per kind of head.
// heads.cpp tells which one a model folder has, from its tensors and its config.json, never from its name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "core/description.h"
#include "core/tensor.h"
#include "model/architecture.h"
#include "model/families/config_json.h"
#include "model/parameters/parameters.h"
#include "storage/checkpoint.h"

namespace cheems::model {

// Which tokens of a sample a head reads. The caller says where they are (Samples::readouts); absent: the last token.
enum class Readout {
  last_token,
  prompt_and_last,  // the position in the prompt that the gate reads, then the last token
  every_step,       // each token that ends a step: one reward per step
};
const char* name(Readout readout);

struct HeadFacts {
  std::string kind;         // of kHeadKinds
  std::string source;       // the tensor of the last layer: "score.weight"
  std::string description;  // one line for people: shapes, and what is computed from them
  Readout readout = Readout::last_token;
  bool linear() const { return kind == "linear"; }  // of one layer, w . h
};

// Every kind that HeadFacts may name; the last is the encoder's.
inline constexpr const char* kHeadKinds =
    "linear | relu_layers | gated_attributes | weighted_attributes | label_distribution | process | vocabulary_row | "
    "pooler";

template <class Visitor>
void describe(Visitor& visit, HeadFacts& facts) {
  visit("kind", facts.kind, "", {.one_of = kHeadKinds});
  visit("source", facts.source, "The tensor of its last layer: `score.weight`, …; `new` if there was none.");
  visit("description", facts.description, "A description for people, in one line.");
  visit("readout", facts.readout,
        "Which tokens of a sample it reads: see `SampleBatch.readouts`. With `every_step`: one reward per step.");
}

// What is added to a linear head's w . h, and what it is divided by: (w . h + bias - mean) * scale. Computed on the
// host in float64.
struct LinearRule {
  double bias = 0, mean = 0, scale = 1;
  bool plain() const { return bias == 0 && mean == 0 && scale == 1; }
  float apply(float product) const { return static_cast<float>((static_cast<double>(product) + bias - mean) * scale); }
};

// The outputs of a head's layers for a tree: for each stack of layers [U, outputs], row after row.
using HeadOutputs = std::vector<std::vector<float>>;

// A tree that has passed through the network.
struct HeadBatch {
  const PackedTree& tree;
  Tensor hidden;   // [U, H] float32: Network::forward_hidden
  Tensor rewards;  // [1, R] float32: where the head writes its rewards (Network::rewards)
};

// The backward pass of a head that has one.
class HeadGradients {
 public:
  virtual ~HeadGradients() = default;
  // Computes the rewards of the tree's samples into batch.rewards, in the backend's memory, where a loss can read them.
  virtual void forward(const HeadBatch& batch) = 0;
  // From d_rewards [1, R]: overwrites d_hidden [U, H] and adds to the head's own `gradients`, except those that are
  // absent.
  virtual void backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                        const ModelTensors& gradients) = 0;
};

// Its layers run on the backend, the rest on the host in float64.
class Head {
 public:
  virtual ~Head() = default;
  // The width of its widest layer, for planning the workspace; 0: none is wider than the hidden states.
  virtual int64_t widest() const { return 0; }
  // Runs the layers on the backend; `outputs` has their results once the returned download has arrived
  // (Backend::wait_for).
  virtual int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) = 0;
  // From those outputs, one reward for each sample of the tree; a sample's readouts are consecutive. With
  // Readout::every_step one reward for each readout.
  virtual std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const = 0;
  // Null if it has no backward pass: the head can score but not be trained.
  virtual HeadGradients* gradients() { return nullptr; }
};

// What recognition may look at.
struct HeadSource {
  const storage::Checkpoint& checkpoint;
  const ConfigJson& config;
  const Architecture& architecture;
  // "": whichever is present; else the kind, or the name of a linear head's tensor, that the user chose.
  std::string choice;
  bool normalize_reward = false;  // apply config.json's mean and std (OpenRLHF)

  bool has(const std::string& tensor) const { return checkpoint.find(tensor) != nullptr; }
  // [rows, columns] of a matrix that must be present; [entries, 1] of a vector. Throws Error with file and tensor for
  // other shapes.
  std::vector<int64_t> shape(const std::string& tensor) const;
  std::vector<float> read(const std::string& tensor, const std::vector<int64_t>& shape) const;
  [[noreturn]] void refuse(const std::string& tensor, const std::string& why) const;
};

// A head that was found.
struct HeadMatch {
  HeadFacts facts;
  std::set<std::string> tensors;  // all tensors that belong to it
  // Of a linear head: the weights [H], empty if they are new, and what is done with their product.
  std::vector<float> weight;
  LinearRule rule;
  // Constructs it. Its weights are the model's parameters, or its own and copied into the backend's memory.
  std::function<std::unique_ptr<Head>(const Parameters&, Backend&)> make;
  ModelEnd end = ModelEnd::none;  // reward_head if they are the model's
};

}  // namespace cheems::model
