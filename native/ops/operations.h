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

// Name and contract of each, for the declarations below and for what stands between a plug-in and the engine (backends/plugin_calls.h).
#define CHEEMS_OPERATIONS(operation) \
  operation(embedding_forward, EmbeddingForward) \
  operation(embedding_backward, EmbeddingBackward) \
  operation(rmsnorm_forward, RmsNormForward) \
  operation(rmsnorm_apply, RmsNormApply) \
  operation(rmsnorm_backward, RmsNormBackward) \
  operation(layernorm_forward, LayerNormForward) \
  operation(linear_forward, LinearForward) \
  operation(linear_backward_input, LinearBackwardInput) \
  operation(linear_backward_weight, LinearBackwardWeight) \
  operation(rope_forward, RopeForward) \
  operation(rope_backward, RopeBackward) \
  operation(attention_forward, AttentionForward) \
  operation(attention_backward, AttentionBackward) \
  operation(disentangled_attention_forward, DisentangledAttentionForward) \
  operation(gated_mlp_forward, GatedMlpForward) \
  operation(gated_mlp_backward, GatedMlpBackward) \
  operation(expert_routing, ExpertRouting) \
  operation(gather_expert_rows, GatherExpertRows) \
  operation(combine_expert_rows, CombineExpertRows) \
  operation(gelu_forward, GeluForward) \
  operation(activation_forward, ActivationForward) \
  operation(gather_rows, GatherRows) \
  operation(scatter_rows, ScatterRows) \
  operation(scatter_add_rows, ScatterAddRows) \
  operation(reward_head_forward, RewardHeadForward) \
  operation(reward_head_backward, RewardHeadBackward) \
  operation(ranking_loss, RankingLoss) \
  operation(sum_of_squares, SumOfSquares) \
  operation(adamw_update, AdamWUpdate)

class Operations {
 public:
  virtual ~Operations() = default;

  virtual int64_t workspace_bytes(const WorkspaceRequest& request) const = 0;
  virtual void set_workspace(void* workspace, int64_t bytes) = 0;
  // Called once before the operations of a micro-batch: all spans given to them lie inside this tree, so that a
  // device backend can move it across once.
  virtual void begin_batch(const PackedTree& tree) = 0;

#define CHEEMS_DECLARE(name, Contract) virtual void name(const Contract&) = 0;
  CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

}  // namespace cheems
