// The decoder's backward pass, from the hidden states' gradient to the parameters'.
#include <algorithm>

#include "model/networks/decoder.h"
#include "model/networks/weight_parts.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "ops/linear/linear.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/rows/rows.h"

namespace cheems::model {
namespace {

// Rows of a gradient, or nothing if it is absent.
Tensor rows_of(const Tensor& gradient, int64_t begin, int64_t count) {
  return gradient ? gradient.row_range(begin, count) : Tensor{};
}

// The lowest layer with a gradient: -1 if the embedding has one, the number of layers if none has.
int64_t lowest_trained(const ModelTensors& gradients) {
  if (gradients.embedding) return -1;
  const auto trained = [](const LayerTensors& layer) { return layer.any_of_attention() || layer.any_of_mlp(); };
  return std::find_if(gradients.layers.begin(), gradients.layers.end(), trained) - gradients.layers.begin();
}

}  // namespace

void Decoder::multiply_backward(const Tensor& dx, const Tensor& dy, std::span<const Tensor> parts) {
  int64_t column = 0;
  while (!parts.empty()) {
    const Tensor weight = take_matrix(parts);
    ops_.linear_backward_input(
        {.dx = dx, .dy = dy.column_range(column, weight.rows), .weight = weight, .accumulate = column > 0});
    column += weight.rows;
  }
}

void Decoder::add_weight_gradient(const Tensor& d_weight, const Tensor& d_bias, const Tensor& dy, const Tensor& x) {
  if (d_weight || d_bias) ops_.linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = dy, .x = x});
}

// The gradient of the branch before its norm, from d_out, the gradient of the sum with the residual; d_out itself if
// there is no norm.
Tensor Decoder::begin_branch_backward(const Tensor& norm, const Tensor& d_norm, const Tensor& branch,
                                      const Tensor& inverse_rms, const Tensor& d_out) {
  if (!norm) return d_out;
  const Tensor d_branch = first_rows(activations_->d_branch, d_out.rows);
  zero(d_branch);
  ops_.rmsnorm_backward({.dx = d_branch,
                         .d_weight = d_norm,
                         .dy = d_out,
                         .x = branch,
                         .inverse_rms = inverse_rms,
                         .weight = norm,
                         .weight_offset = architecture_.norm_weight_offset});
  return d_branch;
}

void Decoder::backward(const PackedTree& tree, const ModelTensors& gradients, const Control& control) {
  const Range range(backend_, "backward");
  const auto reward_rows = static_cast<int64_t>(tree.reward_rows.size());
  const LayerActivations last = activations_->layer(architecture_.num_layers - 1, tree.rows(), reward_rows);
  const Tensor d_last = first_rows(activations_->d_last, reward_rows);
  const int64_t lowest = lowest_trained(gradients);
  zero(d_last);
  ops_.rmsnorm_backward({.dx = d_last,
                         .d_weight = gradients.final_norm,
                         .dy = d_hidden(tree),
                         .x = last.residual_out,
                         .inverse_rms = activations_->final_inverse_rms,
                         .weight = weights_.final_norm,
                         .weight_offset = architecture_.norm_weight_offset});
  for (int64_t layer = architecture_.num_layers - 1; layer >= std::max<int64_t>(lowest, 0); --layer) {
    control.check();
    // The last layer's activations are always its own; those of the others have been overwritten if they are shared.
    if (capacity_.checkpointing && !is_last(layer)) forward_layer(layer, tree);
    backward_layer(layer, tree, gradients.layers[static_cast<size_t>(layer)], layer > lowest);
  }
  if (!gradients.embedding) return;
  ops_.embedding_backward({.d_table = gradients.embedding,
                           .dy = first_rows(activations_->d_residual, tree.rows()),
                           .tokens = tree.tokens,
                           .token_order = tree.token_order,
                           .token_runs = tree.token_runs,
                           .scale = architecture_.embedding_scale});
}

// Computes the gradient of the layer's input (d_residual) from that of its output (d_last in the last layer, else
// d_residual).
void Decoder::backward_layer(int64_t layer, const PackedTree& tree, const LayerTensors& gradient, bool goes_on) {
  const Range range(backend_, "layer", layer);
  const auto reward_rows = static_cast<int64_t>(tree.reward_rows.size());
  const LayerActivations a = activations_->layer(layer, tree.rows(), reward_rows);
  const Tensor d_out = is_last(layer) ? first_rows(activations_->d_last, reward_rows)
                                      : first_rows(activations_->d_residual, tree.rows());
  const bool to_attention = goes_on || gradient.any_of_attention();
  backward_mlp(weights_.layers[static_cast<size_t>(layer)], gradient, a, d_out, to_attention);
  if (to_attention) backward_attention(layer, gradient, a, tree, d_out, goes_on);
}

// d_out: in, the gradient of residual_out; out, that of residual_mid.
void Decoder::backward_mlp(const LayerTensors& w, const LayerTensors& gradient, const LayerActivations& a,
                           const Tensor& d_out, bool goes_on) {
  const float offset = architecture_.norm_weight_offset;
  const Tensor normed = first_rows(activations_->normed, d_out.rows),
               d_normed = first_rows(activations_->d_normed, d_out.rows);
  const Tensor mlp_in = first_rows(activations_->mlp_in, d_out.rows),
               d_mlp_in = first_rows(activations_->d_mlp_in, d_out.rows);
  const Tensor d_branch =
      begin_branch_backward(w.mlp_branch_norm, gradient.mlp_branch_norm, a.mlp_branch, a.inverse_rms_4, d_out);
  ops_.linear_backward_input({.dx = d_mlp_in, .dy = d_branch, .weight = w.down});
  ops_.gated_mlp_backward({.d_gate_up = a.gate_up,
                           .y = gradient.down ? mlp_in : Tensor{},
                           .dy = d_mlp_in,
                           .gate_up = a.gate_up,
                           .activation = architecture_.activation});
  add_weight_gradient(gradient.down, gradient.down_bias, d_branch, mlp_in);
  if (gradient.gate_up)
    ops_.rmsnorm_apply({.y = normed,
                        .x = a.residual_mid,
                        .inverse_rms = a.inverse_rms_2,
                        .weight = w.mlp_norm,
                        .weight_offset = offset});
  add_weight_gradient(gradient.gate_up, gradient.gate_up_bias, a.gate_up, normed);
  if (!goes_on && !gradient.mlp_norm) return;
  multiply_backward(d_normed, a.gate_up, w.gate_up_parts);
  ops_.rmsnorm_backward({.dx = d_out,
                         .d_weight = gradient.mlp_norm,
                         .dy = d_normed,
                         .x = a.residual_mid,
                         .inverse_rms = a.inverse_rms_2,
                         .weight = w.mlp_norm,
                         .weight_offset = offset});
}

// d_out: in, the gradient of residual_mid. d_residual: out, that of residual_in, for all rows.
void Decoder::backward_attention(int64_t layer, const LayerTensors& gradient, const LayerActivations& a,
                                 const PackedTree& tree, const Tensor& d_out, bool goes_on) {
  const LayerTensors& w = weights_.layers[static_cast<size_t>(layer)];
  const bool last = is_last(layer);
  const int64_t query_size = architecture_.query_size(), key_value_size = architecture_.key_value_size(),
                head_size = architecture_.head_size;
  const float epsilon = architecture_.rms_norm_epsilon, offset = architecture_.norm_weight_offset;
  const Tensor normed = first_rows(activations_->normed, tree.rows()),
               d_normed = first_rows(activations_->d_normed, tree.rows());
  const Tensor d_context = first_rows(activations_->d_context, d_out.rows),
               d_qkv = first_rows(activations_->d_qkv, tree.rows());
  const Tensor d_q = last ? first_rows(activations_->d_query, d_out.rows) : d_qkv.column_range(0, query_size);
  const Tensor d_kv = d_qkv.column_range(query_size, 2 * key_value_size);
  const Tensor d_k = d_kv.column_range(0, key_value_size), d_v = d_kv.column_range(key_value_size, key_value_size);

  const Tensor d_branch = begin_branch_backward(w.attention_branch_norm, gradient.attention_branch_norm,
                                                a.attention_branch, a.inverse_rms_3, d_out);
  add_weight_gradient(gradient.output, gradient.output_bias, d_branch, a.context);
  ops_.linear_backward_input({.dx = d_context, .dy = d_branch, .weight = w.output});
  ops_.attention_backward({.dq = d_q,
                           .dk = d_k,
                           .dv = d_v,
                           .d_context = d_context,
                           .context = a.context,
                           .log_sum_exp = a.log_sum_exp,
                           .q = a.q_rotated,
                           .k = a.k_rotated,
                           .v = a.v,
                           .tree = &tree,
                           .query_rows = last ? std::span<const int32_t>(tree.reward_rows) : std::span<const int32_t>{},
                           .shape = attention_shape(layer)});
  ops_.rope_backward({.dx = d_q,
                      .d_norm_weight = gradient.q_norm,
                      .dy = d_q,
                      .x = a.q,
                      .head_size = head_size,
                      .positions = last ? tree.reward_positions : tree.positions,
                      .cosine = cosine_,
                      .sine = sine_,
                      .norm_weight = w.q_norm,
                      .epsilon = epsilon,
                      .weight_offset = offset});
  ops_.rope_backward({.dx = d_k,
                      .d_norm_weight = gradient.k_norm,
                      .dy = d_k,
                      .x = a.k,
                      .head_size = head_size,
                      .positions = tree.positions,
                      .cosine = cosine_,
                      .sine = sine_,
                      .norm_weight = w.k_norm,
                      .epsilon = epsilon,
                      .weight_offset = offset});

  const bool needs_input = goes_on || gradient.input_norm;
  if (gradient.qkv)
    ops_.rmsnorm_apply({.y = normed,
                        .x = a.residual_in,
                        .inverse_rms = a.inverse_rms_1,
                        .weight = w.input_norm,
                        .weight_offset = offset});
  const Tensor d_residual = first_rows(activations_->d_residual, tree.rows());
  if (last) {
    const Tensor query_normed = first_rows(activations_->query_normed, d_out.rows),
                 d_query_normed = first_rows(activations_->d_query_normed, d_out.rows);
    if (gradient.qkv) ops_.gather_rows({.y = query_normed, .x = normed, .rows = tree.reward_rows});
    add_weight_gradient(rows_of(gradient.qkv, 0, query_size), columns_of(gradient.qkv_bias, 0, query_size), d_q,
                        query_normed);
    add_weight_gradient(rows_of(gradient.qkv, query_size, d_kv.columns),
                        columns_of(gradient.qkv_bias, query_size, d_kv.columns), d_kv, normed);
    if (!needs_input) return;
    multiply_backward(d_normed, d_kv, std::span(w.qkv_parts).subspan(1));
    ops_.linear_backward_input({.dx = d_query_normed, .dy = d_q, .weight = w.qkv_parts[0]});
    ops_.scatter_add_rows({.x = d_normed, .y = d_query_normed, .rows = tree.reward_rows});
    // The residual's own gradient reaches only the reward rows.
    zero(d_residual);
    ops_.scatter_add_rows({.x = d_residual, .y = d_out, .rows = tree.reward_rows});
  } else {
    add_weight_gradient(gradient.qkv, gradient.qkv_bias, d_qkv, normed);
    if (!needs_input) return;
    multiply_backward(d_normed, d_qkv, w.qkv_parts);
  }
  ops_.rmsnorm_backward({.dx = d_residual,
                         .d_weight = gradient.input_norm,
                         .dy = d_normed,
                         .x = a.residual_in,
                         .inverse_rms = a.inverse_rms_1,
                         .weight = w.input_norm,
                         .weight_offset = offset});
}

}  // namespace cheems::model
