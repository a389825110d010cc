// The CUDA launchers, each defined in its operation's folder (ops/NAME/cuda.cu) to that operation's contract: they put their
// kernels on the context's stream and return at once.
#pragma once

#include "backends/cuda/context.h"
#include "ops/operations.h"

namespace cheems::cuda {

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
void disentangled_attention_forward(const DisentangledAttentionForward&, Context&);
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

// One of the kernels: whether the device has code for it, it has for all.
const void* any_kernel();

// Scratch that a launcher asks for when it runs, checked here in one place: throws where the workspace is smaller.
char* require_workspace(Context&, int64_t bytes, const char* operation);

}  // namespace cheems::cuda
