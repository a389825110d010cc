// The operations of the CUDA backend: each puts its kernels on the backend's stream.
#pragma once

#include <memory>

#include "backends/cuda/batch_memory.h"
#include "backends/cuda/context.h"
#include "backends/cuda/cublas_lt.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/slow_products.h"
#include "backends/cuda/workspace.h"

namespace cheems::cuda {

#ifdef CHEEMS_CUDA_ON_CPU
// Executed on the CPU no product uses its workspace, and tests guard every byte of it.
constexpr int64_t kOwnCublasLtBytes = 64 << 10;
#else
constexpr int64_t kOwnCublasLtBytes = kCublasLtWorkspaceBytes;
#endif

class CudaOperations : public Operations {
 public:
  // `context` has the stream and the device's properties; `device` is its number.
  CudaOperations(int device, const Context& context);

  int64_t workspace_bytes(const WorkspaceRequest& request) const override { return cuda::workspace_bytes(request, kOwnCublasLtBytes); }
  void set_workspace(void* workspace, int64_t bytes) override {
    context_.workspace = static_cast<char*>(workspace);
    context_.workspace_bytes = bytes;
  }
  void begin_batch(const PackedTree& tree) override;

  void embedding_forward(const EmbeddingForward& a) override { cuda::embedding_forward(a, context_); }
  void embedding_backward(const EmbeddingBackward& a) override { cuda::embedding_backward(a, context_); }
  void rmsnorm_forward(const RmsNormForward& a) override { cuda::rmsnorm_forward(a, context_); }
  void rmsnorm_apply(const RmsNormApply& a) override { cuda::rmsnorm_apply(a, context_); }
  void rmsnorm_backward(const RmsNormBackward& a) override { cuda::rmsnorm_backward(a, context_); }
  void layernorm_forward(const LayerNormForward& a) override { cuda::layernorm_forward(a, context_); }
  void linear_forward(const LinearForward& a) override { cuda::linear_forward(a, context_); }
  void linear_backward_input(const LinearBackwardInput& a) override { cuda::linear_backward_input(a, context_); }
  void linear_backward_weight(const LinearBackwardWeight& a) override { cuda::linear_backward_weight(a, context_); }
  void rope_forward(const RopeForward& a) override { cuda::rope_forward(a, context_); }
  void rope_backward(const RopeBackward& a) override { cuda::rope_backward(a, context_); }
  void attention_forward(const AttentionForward& a) override { cuda::attention_forward(a, context_); }
  void attention_backward(const AttentionBackward& a) override { cuda::attention_backward(a, context_); }
  void disentangled_attention_forward(const DisentangledAttentionForward& a) override { cuda::disentangled_attention_forward(a, context_); }
  void gated_mlp_forward(const GatedMlpForward& a) override { cuda::gated_mlp_forward(a, context_); }
  void gated_mlp_backward(const GatedMlpBackward& a) override { cuda::gated_mlp_backward(a, context_); }
  void expert_routing(const ExpertRouting& a) override { cuda::expert_routing(a, context_); }
  void gather_expert_rows(const GatherExpertRows& a) override { cuda::gather_expert_rows(a, context_); }
  void combine_expert_rows(const CombineExpertRows& a) override { cuda::combine_expert_rows(a, context_); }
  void gelu_forward(const GeluForward& a) override { cuda::gelu_forward(a, context_); }
  void activation_forward(const ActivationForward& a) override { cuda::activation_forward(a, context_); }
  void gather_rows(const GatherRows& a) override { cuda::gather_rows(a, context_); }
  void scatter_rows(const ScatterRows& a) override { cuda::scatter_rows(a, context_); }
  void scatter_add_rows(const ScatterAddRows& a) override { cuda::scatter_add_rows(a, context_); }
  void reward_head_forward(const RewardHeadForward& a) override { cuda::reward_head_forward(a, context_); }
  void reward_head_backward(const RewardHeadBackward& a) override { cuda::reward_head_backward(a, context_); }
  void ranking_loss(const RankingLoss& a) override { cuda::ranking_loss(a, context_); }
  void sum_of_squares(const SumOfSquares& a) override { cuda::sum_of_squares(a, context_); }
  void adamw_update(const AdamWUpdate& a) override { cuda::adamw_update(a, context_); }

  Context& context() { return context_; }
  std::vector<BackendNote> notes() const { return slow_products_.notes(); }
  std::string cublas_version() const { return cublas_lt_.version(); }

 private:
  int device_;
  Context context_;
  BatchMemory batch_;
  CublasLt cublas_lt_;
  SlowProducts slow_products_;
};

}  // namespace cheems::cuda
