// The decoder: two flat lists of operations, one per direction, over a packed prompt tree.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "core/control.h"
#include "core/memory_plan.h"
#include "model/activations.h"
#include "model/key_value_cache.h"
#include "model/networks/network.h"
#include "model/parameters/parameters.h"
#include "ops/attention/attention.h"
#include "ops/operations.h"

namespace cheems::model {

class Decoder : public Network {
 public:
  // Allocates all memory that any batch within `capacity` will need. The weights must outlive the decoder.
  Decoder(const Architecture& architecture, const ModelTensors& weights, Backend& backend,
          const ActivationCapacity& capacity);
  ~Decoder() override;

  const ActivationCapacity& capacity() const override { return capacity_; }

  Tensor forward_hidden(const PackedTree& tree, const Control& control, const KeyValueCache* cache = nullptr) override;
  Tensor rewards(const PackedTree& tree) const override;
  Tensor d_rewards(const PackedTree& tree) const override;
  Tensor d_hidden(const PackedTree& tree) const override;
  void backward(const PackedTree& tree, const ModelTensors& gradients, const Control& control) override;

  static void plan(const Architecture& architecture, const ActivationCapacity& capacity,
                   const WorkspaceBytes& workspace_bytes, MemoryPlan& plan);

 private:
  void forward_layer(int64_t layer, const PackedTree& tree, const KeyValueCache* cache = nullptr);
  // `goes_on`: whether any earlier parameter has a gradient.
  void backward_layer(int64_t layer, const PackedTree& tree, const LayerTensors& gradient, bool goes_on);
  void backward_mlp(const LayerTensors& w, const LayerTensors& gradient, const LayerActivations& a, const Tensor& d_out,
                    bool goes_on);
  void backward_attention(int64_t layer, const LayerTensors& gradient, const LayerActivations& a,
                          const PackedTree& tree, const Tensor& d_out, bool goes_on);
  void forward_experts(const LayerTensors& w, const LayerActivations& a, const Tensor& normed);
  AttentionShape attention_shape(int64_t layer) const;
  void zero(const Tensor& contiguous);
  // The last projection of a branch: [Q, …] in, [Q, H] out. Without branch norms, `norm` and its tensors are absent.
  struct BranchEnd {
    Tensor x, weight, bias, norm, branch, inverse_rms, residual, out;
  };
  void end_branch(const BranchEnd& branch);
  // y = x W^T + bias, W in parts [out_i, in] one below the other, wherever they are stored.
  void multiply(const Tensor& y, const Tensor& x, std::span<const Tensor> parts, const Tensor& bias);
  // dx = dy W.
  void multiply_backward(const Tensor& dx, const Tensor& dy, std::span<const Tensor> parts);
  void add_weight_gradient(const Tensor& d_weight, const Tensor& d_bias, const Tensor& dy, const Tensor& x);
  Tensor begin_branch_backward(const Tensor& norm, const Tensor& d_norm, const Tensor& branch,
                               const Tensor& inverse_rms, const Tensor& d_out);
  bool is_last(int64_t layer) const { return layer + 1 == architecture_.num_layers; }

  const Architecture architecture_;
  const ModelTensors weights_;
  Backend& backend_;
  Operations& ops_;
  const ActivationCapacity capacity_;
  std::unique_ptr<Buffer> activation_memory_, workspace_, rope_memory_;
  std::unique_ptr<Activations> activations_;
  Tensor cosine_, sine_;  // [longest path, head_size / 2]
};

}  // namespace cheems::model
