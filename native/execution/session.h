// Runs a model on batches: memory for the given samples, their micro-batches and the trees that these are packed into.
// Shared by training, scoring, next-token reading and generation.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "batch/samples.h"
#include "core/memory_plan.h"
#include "model/networks/body.h"
#include "model/parameters/parameters.h"

namespace cheems::execution {

struct SessionOptions {
  int64_t micro_batch_tokens = 0;  // computed at once; affects memory, not the result
  bool share_prompts = true;       // if the body can
  bool training = false;           // with a backward pass
  bool checkpointing = false;      // which recomputes each layer
  int64_t widest_head = 0;         // of the head after the hidden states (Head::widest)
  DType hidden_dtype =
      DType::float32;  // of the hidden states: float32 for a reward head, the activations' dtype before a vocabulary
};

class Session {
 public:
  // `model` has an architecture(), parameters(), activations() and a backend(), and must outlive the session. Throws
  // Error for micro_batch_tokens below 1.
  template <class Model>
  Session(const Model& model, const SessionOptions& options)
      : Session(model.architecture(), model.parameters(), model.activations(), model.backend(), options) {}
  Session(const model::Architecture& architecture, const model::Parameters& parameters, DType precision,
          Backend& backend, const SessionOptions& options);

  // Throws Error, naming the sample, for samples that the model cannot read.
  void check(const Samples& samples) const;
  // The network, with memory for these samples. Memory grows only when longer samples or more readouts come than ever
  // before.
  model::Network& network_for(const Samples& samples);
  // The network with memory for exactly that.
  model::Network& network_with(const model::ActivationCapacity& capacity);
  model::Network& network() const { return *network_; }

  // Sample numbers, micro-batch by micro-batch; and the tree of one micro-batch.
  std::vector<std::vector<int32_t>> micro_batches(const Samples& samples) const;
  PackedTree pack(const Samples& samples, std::span<const int32_t> chosen, TokenOrder order) const;

  // What network_for allocates for samples of at most `longest_sample` tokens.
  static void plan(const model::Architecture& architecture, const SessionOptions& options, DType precision,
                   int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan);

 private:
  bool shares_prompts() const;
  const model::Architecture& architecture_;
  const model::Parameters& parameters_;
  const DType precision_;
  Backend& backend_;
  const SessionOptions options_;
  std::unique_ptr<model::Network> network_;
};

}  // namespace cheems::execution
