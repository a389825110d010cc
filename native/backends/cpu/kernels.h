// The CPU's kernels, each defined in its operation's folder (ops/NAME/cpu.cpp) to that operation's contract.
#pragma once

#include "core/thread_pool.h"
#include "ops/operations.h"

namespace cheems::cpu {

// What a kernel may use beside its arguments.
struct Context {
  ThreadPool& pool;
  char* workspace = nullptr;  // 64-byte aligned, at least what the kernels below ask for
  int64_t workspace_bytes = 0;
};

// Sums over rows (norm weights, biases) are taken in chunks of this many rows, one partial sum a chunk, added in order.
constexpr int64_t kRowsPerPartialSum = 64;
inline int64_t partial_sums_workspace(int64_t rows, int64_t columns) {
  return (rows + kRowsPerPartialSum - 1) / kRowsPerPartialSum * columns * static_cast<int64_t>(sizeof(float));
}
// d[c] += partial[0][c] + partial[1][c] + …, for the chunks' partial sums [chunks, columns].
void add_partial_sums(const float* partials, int64_t chunks, int64_t columns, float* d, ThreadPool& pool);

void embedding_forward(const EmbeddingForward&, Context&);
void embedding_backward(const EmbeddingBackward&, Context&);
void rmsnorm_forward(const RmsNormForward&, Context&);
void rmsnorm_apply(const RmsNormApply&, Context&);
void rmsnorm_backward(const RmsNormBackward&, Context&);
void layernorm_forward(const LayerNormForward&, Context&);
void linear_forward(const LinearForward&, Context&);
void linear_backward_input(const LinearBackwardInput&, Context&);
void linear_backward_weight(const LinearBackwardWeight&, Context&);
void rope_forward(const RopeForward&, Context&);
void rope_backward(const RopeBackward&, Context&);
void attention_forward(const AttentionForward&, Context&);
void attention_backward(const AttentionBackward&, Context&);
int64_t attention_workspace(const WorkspaceRequest&, int threads);
void disentangled_attention_forward(const DisentangledAttentionForward&, Context&);
int64_t disentangled_attention_workspace(const WorkspaceRequest&, int threads);
void gated_mlp_forward(const GatedMlpForward&, Context&);
void gated_mlp_backward(const GatedMlpBackward&, Context&);
void expert_routing(const ExpertRouting&, Context&);
void gather_expert_rows(const GatherExpertRows&, Context&);
void combine_expert_rows(const CombineExpertRows&, Context&);
void gelu_forward(const GeluForward&, Context&);
void activation_forward(const ActivationForward&, Context&);
void gather_rows(const GatherRows&, Context&);
void scatter_rows(const ScatterRows&, Context&);
void scatter_add_rows(const ScatterAddRows&, Context&);
void reward_head_forward(const RewardHeadForward&, Context&);
void reward_head_backward(const RewardHeadBackward&, Context&);
void ranking_loss(const RankingLoss&, Context&);
void sum_of_squares(const SumOfSquares&, Context&);
void adamw_update(const AdamWUpdate&, Context&);

}  // namespace cheems::cpu
