// DeBERTa v3: one flat list of operations over samples that lie one after another. Inference only.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "core/control.h"
#include "core/memory_plan.h"
#include "model/activations.h"
#include "model/networks/network.h"
#include "model/parameters/encoder_parameters.h"
#include "ops/operations.h"

namespace cheems::model {

class Encoder : public Network {
 public:
  // Allocates all memory that any batch within `capacity` (without training) will need, and computes what depends only
  // on the weights: the layers' projections of the relative position embeddings. The weights must outlive the encoder
  // and not change.
  Encoder(const Architecture& architecture, const EncoderTensors& weights, Backend& backend,
          const ActivationCapacity& capacity);
  ~Encoder() override;

  const ActivationCapacity& capacity() const override { return capacity_; }

  // The tree's samples must not share prefixes; hidden states are in the order of tree.samples.
  Tensor forward_hidden(const PackedTree& tree, const Control& control, const KeyValueCache* cache = nullptr) override;
  Tensor rewards(const PackedTree& tree) const override;
  // Defects of the caller: an encoder has no backward pass.
  Tensor d_rewards(const PackedTree& tree) const override;
  Tensor d_hidden(const PackedTree& tree) const override;
  void backward(const PackedTree& tree, const ModelTensors& gradients, const Control& control) override;

  static void plan(const Architecture& architecture, const ActivationCapacity& capacity,
                   const WorkspaceBytes& workspace_bytes, MemoryPlan& plan);

 private:
  struct Buffers;
  // Of one layer, [2 S, H] each: rows of one matrix.
  struct RelativeProjections {
    Tensor both, q, k;
  };
  void project_relative_positions();
  void forward_layer(int64_t layer, const PackedTree& tree);
  Tensor forward_last_layer(const PackedTree& tree);
  void attend(int64_t layer, const PackedTree& tree, const Tensor& context, const Tensor& q, const Tensor& k,
              const Tensor& v, bool first_tokens_only);
  void forward_mlp(const EncoderLayerTensors& w, const Tensor& mid, const Tensor& out);
  void norm(const WeightAndBias& w, const Tensor& x, const Tensor& y);

  const Architecture architecture_;
  const EncoderTensors weights_;
  Backend& backend_;
  Operations& ops_;
  const ActivationCapacity capacity_;
  std::unique_ptr<Buffer> memory_, workspace_, relative_memory_, bucket_memory_;
  std::unique_ptr<Buffers> buffers_;
  std::vector<RelativeProjections> relative_;  // one per layer
};

}  // namespace cheems::model
