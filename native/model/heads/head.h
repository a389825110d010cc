// A reward head: what turns hidden states after the final norm into rewards. One file a kind of head; heads.cpp tells
// which one a model folder has, from its tensors and its config.json, never from its name.
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

// Which tokens of a sample a head reads. Where they lie is the caller's to say (Samples::readouts); absent: the last
// token.
enum class Readout {
  last_token,
  prompt_and_last,  // the place in the prompt that the gate reads, then the last token
  every_step,       // each token that ends a step: one reward each
};
const char* name(Readout readout);

struct HeadFacts {
  std::string kind;         // of kHeadKinds
  std::string source;       // the tensor that the last layer is: "score.weight"
  std::string description;  // a line for people: shapes, and what is done with them
  Readout readout = Readout::last_token;
  bool linear() const { return kind == "linear"; }  // of one layer, w . h
};

// Every kind that HeadFacts may name; the last is an encoder's own.
inline constexpr const char* kHeadKinds =
    "linear | relu_layers | gated_attributes | weighted_attributes | label_distribution | process | vocabulary_row | "
    "pooler";

template <class Visitor>
void describe(Visitor& visit, HeadFacts& facts) {
  visit("kind", facts.kind, "", {.one_of = kHeadKinds});
  visit("source", facts.source, "The tensor of its last layer: `score.weight`, …; `new` where there was none.");
  visit("description", facts.description, "A line for people.");
  visit(
      "readout", facts.readout,
      "Which tokens of a sample it reads: see `SampleBatch.readouts`. With `every_step` there is one reward for each.");
}

// What a linear head adds to w . h, and what it is divided by: (w . h + bias - mean) * scale. Done on the host in
// float64.
struct LinearRule {
  double bias = 0, mean = 0, scale = 1;
  bool plain() const { return bias == 0 && mean == 0 && scale == 1; }
  float apply(float product) const { return static_cast<float>((static_cast<double>(product) + bias - mean) * scale); }
};

// What a head's layers gave for a tree: for each stack of layers [U, outputs], row after row.
using HeadOutputs = std::vector<std::vector<float>>;

// A tree that went through the network.
struct HeadBatch {
  const PackedTree& tree;
  Tensor hidden;   // [U, H] float32: Network::forward_hidden
  Tensor rewards;  // [1, R] float32: room for what the head makes of them (Network::rewards)
};

// The gradients of a head whose formulas are known.
class HeadGradients {
 public:
  virtual ~HeadGradients() = default;
  // The rewards of the tree's samples in batch.rewards, in the backend's memory, where a loss can read them.
  virtual void forward(const HeadBatch& batch) = 0;
  // From d_rewards [1, R]: overwrites d_hidden [U, H] and adds to the head's own `gradients`; not what is absent of
  // them.
  virtual void backward(const HeadBatch& batch, const Tensor& d_rewards, const Tensor& d_hidden,
                        const ModelTensors& gradients) = 0;
};

// Its layers run on the backend, what follows them on the host in float64.
class Head {
 public:
  virtual ~Head() = default;
  // The widest of its layers, which workspace is planned with; 0: none is wider than the hidden states.
  virtual int64_t widest() const { return 0; }
  // Puts the layers on the backend; `outputs` has their results once the download that is returned has arrived
  // (Backend::wait_for).
  virtual int64_t launch(const HeadBatch& batch, HeadOutputs& outputs) = 0;
  // From those outputs, one reward for each sample of the tree's samples, whose readouts stand next to each other; with
  // Readout::every_step one for each readout.
  virtual std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const = 0;
  // Null where none are known: the head can be scored with but not trained.
  virtual HeadGradients* gradients() { return nullptr; }
};

// What recognition may look at.
struct HeadSource {
  const storage::Checkpoint& checkpoint;
  const ConfigJson& config;
  const Architecture& architecture;
  // "": whichever is there; else the kind, or the name of a linear head's tensor, that the user chose.
  std::string choice;
  bool normalize_reward = false;  // apply config.json's mean and std (OpenRLHF)

  bool has(const std::string& tensor) const { return checkpoint.find(tensor) != nullptr; }
  // [rows, columns] of a matrix that must be there; [entries, 1] of a vector. Throws Error naming file and tensor for
  // other shapes.
  std::vector<int64_t> shape(const std::string& tensor) const;
  std::vector<float> read(const std::string& tensor, const std::vector<int64_t>& shape) const;
  [[noreturn]] void refuse(const std::string& tensor, const std::string& why) const;
};

// A head that was found.
struct HeadMatch {
  HeadFacts facts;
  std::set<std::string> tensors;  // all that belong to it
  // Of a linear head: the weights [H], empty where they are new, and what is done with their product.
  std::vector<float> weight;
  LinearRule rule;
  // Makes it. Its weights are the model's parameters, or of its own and put into the backend's memory.
  std::function<std::unique_ptr<Head>(const Parameters&, Backend&)> make;
  ModelEnd end = ModelEnd::none;  // reward_head where they are the model's
};

}  // namespace cheems::model
