// The one list of operations, with one line per direction. The abstract class (operations.h), the declarations of the
// kernels, both backends' dispatchers, the calls into the plug-in, the plain loops of the tests and the timing in the
// benchmarks are generated from it. Adding an operation takes its folder and its lines here.
//
//   operation(name, Contract, cpu, cuda, work)
//
// name, Contract  the function, and the struct of its arguments in ops/FOLDER/FOLDER.h
// cpu, cuda       `scratch` if that backend's kernel uses workspace, else `none`. With `scratch` the folder defines
//                 cpu::<name>_workspace in cpu*.cpp, or cuda::<name>_workspace in cuda_workspace.cpp.
// work            `products` if it computes matrix products: the folder then defines <name>_work, its FLOPs, in
//                 work.cpp
#pragma once

// clang-format off
#define CHEEMS_OPERATIONS(operation) \
  operation(embedding_forward, EmbeddingForward, none, none, none) \
  operation(embedding_backward, EmbeddingBackward, none, scratch, none) \
  operation(rmsnorm_forward, RmsNormForward, none, none, none) \
  operation(rmsnorm_apply, RmsNormApply, none, none, none) \
  operation(rmsnorm_backward, RmsNormBackward, scratch, scratch, none) \
  operation(layernorm_forward, LayerNormForward, none, none, none) \
  operation(linear_forward, LinearForward, scratch, scratch, products) \
  operation(linear_backward_input, LinearBackwardInput, scratch, scratch, products) \
  operation(linear_backward_weight, LinearBackwardWeight, scratch, scratch, products) \
  operation(rope_forward, RopeForward, none, none, none) \
  operation(rope_backward, RopeBackward, scratch, scratch, none) \
  operation(attention_forward, AttentionForward, scratch, none, products) \
  operation(attention_backward, AttentionBackward, scratch, scratch, products) \
  operation(disentangled_attention_forward, DisentangledAttentionForward, scratch, none, none) \
  operation(gated_mlp_forward, GatedMlpForward, none, none, none) \
  operation(gated_mlp_backward, GatedMlpBackward, none, none, none) \
  operation(expert_routing, ExpertRouting, none, none, none) \
  operation(gather_expert_rows, GatherExpertRows, none, none, none) \
  operation(combine_expert_rows, CombineExpertRows, none, none, none) \
  operation(gelu_forward, GeluForward, none, none, none) \
  operation(activation_forward, ActivationForward, none, none, none) \
  operation(activation_backward, ActivationBackward, none, none, none) \
  operation(gather_rows, GatherRows, none, none, none) \
  operation(scatter_rows, ScatterRows, none, none, none) \
  operation(scatter_add_rows, ScatterAddRows, none, none, none) \
  operation(reward_head_forward, RewardHeadForward, none, none, none) \
  operation(reward_head_backward, RewardHeadBackward, none, none, none) \
  operation(ranking_loss, RankingLoss, none, none, none) \
  operation(sum_of_squares, SumOfSquares, scratch, scratch, none) \
  operation(adamw_update, AdamWUpdate, none, none, none)
// clang-format on

namespace cheems {

#define CHEEMS_DECLARE(name, Contract, ...) struct Contract;
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE

}  // namespace cheems
