// A reward head: what turns hidden states after the final norm into rewards. One file a kind of head; heads.cpp tells which one a
// model folder has, from its tensors and its config.json, never from its name.
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
#include "storage/checkpoint.h"

namespace cheems::model {

// Which tokens of a sample a head reads. Where they lie is the caller's to say (Samples::readouts); absent: the last token.
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
  bool linear() const { return kind == "linear"; }
};

// Every kind that HeadFacts may name; the last is an encoder's own.
inline constexpr const char* kHeadKinds =
    "linear | relu_layers | gated_attributes | weighted_attributes | label_distribution | process | vocabulary_row | pooler";

template <class Visitor>
void describe(Visitor& visit, HeadFacts& facts) {
  visit("kind", facts.kind, "", {.one_of = kHeadKinds});
  visit("source", facts.source, "The tensor of its last layer: `score.weight`, …; `new` where there was none.");
  visit("description", facts.description, "A line for people.");
  visit("readout", facts.readout,
        "Which tokens of a sample it reads: see `SampleBatch.readouts`. With `every_step` there is one reward for each.");
}

// What a linear head adds to w . h, and what it is divided by: (w . h + bias - mean) * scale. Done on the host in float64.
struct LinearRule {
  double bias = 0, mean = 0, scale = 1;
  bool plain() const { return bias == 0 && mean == 0 && scale == 1; }
  float apply(float product) const { return static_cast<float>((static_cast<double>(product) + bias - mean) * scale); }
};

// What a head's layers gave for a tree: for each stack of layers [U, outputs], row after row.
using HeadOutputs = std::vector<std::vector<float>>;

// A head that is more than one linear layer. Its layers run on the backend, what follows them on the host in float64.
class LayeredHead {
 public:
  virtual ~LayeredHead() = default;
  // The widest layer, and the rows that one call may have at most, are what workspace is planned with.
  virtual int64_t widest() const = 0;
  // Bytes that its weights take in the backend's memory.
  virtual int64_t bytes() const = 0;
  // hidden: [U, H] float32, a tree's reward_rows. Puts the layers on the backend; `outputs` has their results once the download
  // that is returned has arrived (Backend::wait_for).
  virtual int64_t launch(const Tensor& hidden, HeadOutputs& outputs) = 0;
  // From those outputs, one reward for each sample of the tree's samples, whose readouts stand next to each other; with
  // Readout::every_step one for each readout.
  virtual std::vector<float> rewards(const HeadOutputs& outputs, const PackedTree& tree) const = 0;
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
  // [rows, columns] of a matrix that must be there; [entries, 1] of a vector. Throws Error naming file and tensor for other shapes.
  std::vector<int64_t> shape(const std::string& tensor) const;
  std::vector<float> read(const std::string& tensor, const std::vector<int64_t>& shape) const;
  [[noreturn]] void refuse(const std::string& tensor, const std::string& why) const;
};

// A head that was found.
struct HeadMatch {
  HeadFacts facts;
  std::set<std::string> tensors;  // all that belong to it
  // Of a linear head: the weights [H] and what is done with their product. Else empty.
  std::vector<float> weight;
  LinearRule rule;
  // Of the others: makes it in a backend's memory. Empty for linear heads.
  std::function<std::unique_ptr<LayeredHead>(Backend&)> make;
};

}  // namespace cheems::model
