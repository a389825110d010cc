// All operations that a backend offers: one line per direction, the contract in the operation's own folder.
// Tensors lie in the backend's memory, spans on the host. Nothing here allocates; workspace is given beforehand.
//
// Dtypes, where a contract does not say another: activations and their gradients share one dtype (float32; bfloat16 where
// Backend::computes_in says so), matrices of weights are of that dtype too (any dtype where Backend::widens_weights),
// gradients of matrices are float32 or bfloat16. Norm weights, biases and the reward head, their gradients, inverse_rms,
// log_sum_exp, rewards and the output of a norm before the head are float32 always. Sums are float32 or wider.
#pragma once

#include <functional>

#include "ops/activation/activation.h"
#include "ops/adamw/adamw.h"
#include "ops/attention/attention.h"
#include "ops/disentangled_attention/disentangled_attention.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_routing/expert_routing.h"
#include "ops/expert_rows/expert_rows.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "ops/gelu/gelu.h"
#include "ops/grad_norm/grad_norm.h"
#include "ops/layernorm/layernorm.h"
#include "ops/linear/linear.h"
#include "ops/ranking_loss/ranking_loss.h"
#include "ops/reward_head/reward_head.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/rows/rows.h"

namespace cheems {

// The largest work that will be asked for, from which a backend knows its workspace.
struct WorkspaceRequest {
  int64_t longest_path = 0;  // tokens of the longest sample
  int64_t num_heads = 0, num_key_value_heads = 0, head_size = 0;
  int64_t widest_row = 0;    // columns of the widest activation or norm
  int64_t rows = 0;          // token rows of the largest micro-batch
  bool backward = false;
  int64_t relative_buckets = 0;  // rows of the relative position embeddings; 0: no disentangled attention
};

// Bytes of workspace for a request: Operations::workspace_bytes, or the formula of a backend that is not at hand.
using WorkspaceBytes = std::function<int64_t(const WorkspaceRequest&)>;

class Operations {
 public:
  virtual ~Operations() = default;

  virtual int64_t workspace_bytes(const WorkspaceRequest& request) const = 0;
  virtual void set_workspace(void* workspace, int64_t bytes) = 0;
  // Called once before the operations of a micro-batch: all spans given to them lie inside this tree, so that a
  // device backend can move it across once.
  virtual void begin_batch(const PackedTree& tree) = 0;

  virtual void embedding_forward(const EmbeddingForward&) = 0;
  virtual void embedding_backward(const EmbeddingBackward&) = 0;
  virtual void rmsnorm_forward(const RmsNormForward&) = 0;
  virtual void rmsnorm_apply(const RmsNormApply&) = 0;
  virtual void rmsnorm_backward(const RmsNormBackward&) = 0;
  virtual void layernorm_forward(const LayerNormForward&) = 0;
  virtual void linear_forward(const LinearForward&) = 0;
  virtual void linear_backward_input(const LinearBackwardInput&) = 0;
  virtual void linear_backward_weight(const LinearBackwardWeight&) = 0;
  virtual void rope_forward(const RopeForward&) = 0;
  virtual void rope_backward(const RopeBackward&) = 0;
  virtual void attention_forward(const AttentionForward&) = 0;
  virtual void attention_backward(const AttentionBackward&) = 0;
  virtual void disentangled_attention_forward(const DisentangledAttentionForward&) = 0;
  virtual void gated_mlp_forward(const GatedMlpForward&) = 0;
  virtual void gated_mlp_backward(const GatedMlpBackward&) = 0;
  virtual void expert_routing(const ExpertRouting&) = 0;
  virtual void gather_expert_rows(const GatherExpertRows&) = 0;
  virtual void combine_expert_rows(const CombineExpertRows&) = 0;
  virtual void gelu_forward(const GeluForward&) = 0;
  virtual void activation_forward(const ActivationForward&) = 0;
  virtual void gather_rows(const GatherRows&) = 0;
  virtual void scatter_rows(const ScatterRows&) = 0;
  virtual void scatter_add_rows(const ScatterAddRows&) = 0;
  virtual void reward_head_forward(const RewardHeadForward&) = 0;
  virtual void reward_head_backward(const RewardHeadBackward&) = 0;
  virtual void ranking_loss(const RankingLoss&) = 0;
  virtual void sum_of_squares(const SumOfSquares&) = 0;
  virtual void adamw_update(const AdamWUpdate&) = 0;
};

}  // namespace cheems
