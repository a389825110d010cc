#include "model/networks/decoder.h"

#include <algorithm>
#include <cmath>

#include "model/networks/body.h"
#include "model/rope_table.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_routing/expert_routing.h"
#include "ops/expert_rows/expert_rows.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "ops/linear/linear.h"
#include "ops/reward_head/reward_head.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/rows/rows.h"
#include "storage/checkpoint.h"

namespace cheems::model {
namespace {

WorkspaceRequest decoder_workspace(const Architecture& a, const ActivationCapacity& capacity) {
  WorkspaceRequest request;
  request.longest_path = capacity.longest_path;
  request.num_heads = a.num_heads;
  request.num_key_value_heads = a.num_key_value_heads;
  request.head_size = a.head_size;
  request.widest_row = std::max({a.hidden_size, a.qkv_size(), 2 * a.intermediate_size, capacity.widest_head});
  request.rows = capacity.rows;
  request.backward = capacity.training;
  return request;
}

int64_t activation_bytes(const Architecture& a, const ActivationCapacity& capacity) {
  Arena counter;
  const Activations counted(a, capacity, counter);
  return counter.used();
}

int64_t rope_bytes(const Architecture& a, const ActivationCapacity& capacity) {
  return capacity.longest_path * a.head_size * static_cast<int64_t>(sizeof(float));
}

// Columns of a bias, or nothing where there is none.
Tensor columns_of(const Tensor& bias, int64_t begin, int64_t count) {
  return bias ? bias.column_range(begin, count) : Tensor{};
}

// Rows of a gradient, or nothing where it is absent.
Tensor rows_of(const Tensor& gradient, int64_t begin, int64_t count) {
  return gradient ? gradient.row_range(begin, count) : Tensor{};
}

// Takes the first of the parts away, with those that lie right behind it.
Tensor take_matrix(std::span<const Tensor>& parts) {
  Tensor matrix = parts.front();
  const auto lies_behind = [&](const Tensor& next) {
    return next.data == matrix.row_range(matrix.rows, 0).data && next.dtype == matrix.dtype;
  };
  for (parts = parts.subspan(1); !parts.empty() && lies_behind(parts.front()); parts = parts.subspan(1))
    matrix.rows += parts.front().rows;
  return matrix;
}

// The lowest layer with a gradient: -1 where the embedding has one, the number of layers where none has.
int64_t lowest_trained(const ModelTensors& gradients) {
  if (gradients.embedding) return -1;
  const auto trained = [](const LayerTensors& layer) { return layer.any_of_attention() || layer.any_of_mlp(); };
  return std::find_if(gradients.layers.begin(), gradients.layers.end(), trained) - gradients.layers.begin();
}

}  // namespace

const Body& decoder_body() {
  static const Body body = {.name = "decoder",
                            .sample_form = "conversation",
                            .any_length = false,
                            .shares_prompts = true,
                            .has_backward = true,
                            .has_cache = true,
                            .maps_weights = true,
                            .pooled = false,
                            .least_path = 256,
                            .prefix = {},
                            .embedding = {},
                            .unused = {},
                            .unused_prefixes = {},
                            .describe = [](const Architecture& a, const ModelEnd& end,
                                           ParameterVisitor& visitor) { (void)visit_decoder(a, end, visitor); },
                            .make = [](const Architecture& a, const Parameters& weights, Backend& backend,
                                       const ActivationCapacity& capacity) -> std::unique_ptr<Network> {
                              return std::make_unique<Decoder>(a, weights.tensors(), backend, capacity);
                            },
                            .plan = Decoder::plan};
  return body;
}

void Decoder::plan(const Architecture& a, const ActivationCapacity& capacity, const WorkspaceBytes& workspace_bytes,
                   MemoryPlan& plan) {
  plan.add(capacity.training ? "activations, forward and backward" : "activations, forward", "activations",
           activation_bytes(a, capacity));
  plan.add("rope tables", "workspace", rope_bytes(a, capacity));
  plan.add("workspace of the kernels", "workspace", workspace_bytes(decoder_workspace(a, capacity)));
}

Decoder::Decoder(const Architecture& architecture, const ModelTensors& weights, Backend& backend,
                 const ActivationCapacity& capacity)
    : architecture_(architecture),
      weights_(weights),
      backend_(backend),
      ops_(backend.operations()),
      capacity_(capacity) {
  activation_memory_ = backend.allocate(activation_bytes(architecture, capacity), "activations");
  Arena arena(activation_memory_->data());
  activations_ = std::make_unique<Activations>(architecture, capacity, arena);
  workspace_ =
      backend.allocate(ops_.workspace_bytes(decoder_workspace(architecture, capacity)), "the kernels' workspace");
  rope_memory_ = backend.allocate(rope_bytes(architecture, capacity), "rope tables");
  const RopeTable table = rope_table(architecture.rope, architecture.head_size, capacity.longest_path);
  const int64_t half = architecture.head_size / 2, bytes = static_cast<int64_t>(table.cosine.size() * sizeof(float));
  auto* memory = static_cast<float*>(rope_memory_->data());
  cosine_ = float_tensor(memory, capacity.longest_path, half);
  sine_ = float_tensor(memory + table.cosine.size(), capacity.longest_path, half);
  backend.upload(cosine_.data, table.cosine.data(), bytes);
  backend.upload(sine_.data, table.sine.data(), bytes);
}

Decoder::~Decoder() = default;

AttentionShape Decoder::attention_shape(int64_t layer) const {
  const Architecture& a = architecture_;
  const float scale =
      a.attention_scale > 0 ? a.attention_scale : static_cast<float>(1 / std::sqrt(static_cast<double>(a.head_size)));
  return {a.num_heads, a.num_key_value_heads, a.head_size, a.windows[static_cast<size_t>(layer)],
          scale,       a.attention_soft_cap};
}

Tensor Decoder::rewards(const PackedTree& tree) const {
  Tensor rewards = activations_->rewards;
  rewards.columns = tree.rewards();
  return rewards;
}
Tensor Decoder::d_rewards(const PackedTree& tree) const {
  Tensor d_rewards = activations_->d_rewards;
  d_rewards.columns = tree.rewards();
  return d_rewards;
}

Tensor Decoder::d_hidden(const PackedTree& tree) const {
  return first_rows(activations_->d_final_normed, static_cast<int64_t>(tree.reward_rows.size()));
}

void Decoder::zero(const Tensor& contiguous) {
  backend_.zero(contiguous.data,
                contiguous.rows * contiguous.columns * static_cast<int64_t>(size_of(contiguous.dtype)));
}

Tensor Decoder::forward_hidden(const PackedTree& tree, const Control& control, const KeyValueCache* cache) {
  const Range range(backend_, "forward");
  const auto reward_rows = static_cast<int64_t>(tree.reward_rows.size());
  if (weights_.files) weights_.files->check_unchanged();
  ops_.set_workspace(workspace_->data(), workspace_->size());
  ops_.begin_batch(tree);
  ops_.embedding_forward({.y = activations_->layer(0, tree.rows(), reward_rows).residual_in,
                          .table = weights_.embedding,
                          .tokens = tree.tokens,
                          .scale = architecture_.embedding_scale});
  for (int64_t layer = 0; layer < architecture_.num_layers; ++layer) {
    control.check();
    forward_layer(layer, tree, cache);
  }
  const LayerActivations last = activations_->layer(architecture_.num_layers - 1, tree.rows(), reward_rows);
  const Tensor normed = first_rows(activations_->final_normed, reward_rows);
  ops_.rmsnorm_forward({.y = normed,
                        .inverse_rms = activations_->final_inverse_rms,
                        .x = last.residual_out,
                        .weight = weights_.final_norm,
                        .epsilon = architecture_.rms_norm_epsilon,
                        .weight_offset = architecture_.norm_weight_offset});
  return normed;
}

// residual_mid = residual_in + o_proj(attention(norm(residual_in)));  residual_out = residual_mid +
// mlp(norm(residual_mid)); with branch norms, what is added to the residual is normed once more. In the last layer only
// keys and values are computed for all rows; everything after them for the reward rows alone.
void Decoder::forward_layer(int64_t layer, const PackedTree& tree, const KeyValueCache* cache) {
  const Range range(backend_, "layer", layer);
  const LayerTensors& w = weights_.layers[static_cast<size_t>(layer)];
  const auto reward_rows = static_cast<int64_t>(tree.reward_rows.size());
  const LayerActivations a = activations_->layer(layer, tree.rows(), reward_rows);
  const bool last = is_last(layer);
  const int64_t queries = last ? reward_rows : tree.rows(), query_size = architecture_.query_size(),
                head_size = architecture_.head_size;
  const float epsilon = architecture_.rms_norm_epsilon, offset = architecture_.norm_weight_offset;
  const Tensor normed = first_rows(activations_->normed, tree.rows());
  Tensor residual = a.residual_in;

  ops_.rmsnorm_forward({.y = normed,
                        .inverse_rms = a.inverse_rms_1,
                        .x = a.residual_in,
                        .weight = w.input_norm,
                        .epsilon = epsilon,
                        .weight_offset = offset});
  if (last) {
    const Tensor query_normed = first_rows(activations_->query_normed, queries);
    residual = first_rows(activations_->query_residual, queries);
    ops_.gather_rows({.y = query_normed, .x = normed, .rows = tree.reward_rows});
    ops_.gather_rows({.y = residual, .x = a.residual_in, .rows = tree.reward_rows});
    ops_.linear_forward({.y = a.q,
                         .x = query_normed,
                         .weight = w.qkv_parts[0],
                         .bias = columns_of(w.qkv_bias, 0, query_size),
                         .residual = {}});
    multiply(a.qkv, normed, std::span(w.qkv_parts).subspan(1), columns_of(w.qkv_bias, query_size, a.qkv.columns));
  } else {
    multiply(a.qkv, normed, w.qkv_parts, w.qkv_bias);
  }
  ops_.rope_forward({.y = a.q_turned,
                     .x = a.q,
                     .head_size = head_size,
                     .positions = last ? tree.reward_positions : tree.positions,
                     .cosine = cosine_,
                     .sine = sine_,
                     .norm_weight = w.q_norm,
                     .epsilon = epsilon,
                     .weight_offset = offset});
  ops_.rope_forward({.y = a.k_turned,
                     .x = a.k,
                     .head_size = head_size,
                     .positions = tree.positions,
                     .cosine = cosine_,
                     .sine = sine_,
                     .norm_weight = w.k_norm,
                     .epsilon = epsilon,
                     .weight_offset = offset});
  ConstTensor keys = a.k_turned, values = a.v;
  std::span<const int32_t> query_rows = last ? std::span<const int32_t>(tree.reward_rows) : std::span<const int32_t>{};
  if (cache) {
    ops_.scatter_rows({.x = cache->keys(layer), .y = keys, .rows = tree.cache_rows});
    ops_.scatter_rows({.x = cache->values(layer), .y = values, .rows = tree.cache_rows});
    keys = cache->keys(layer), values = cache->values(layer);
    query_rows = last ? tree.reward_cache_rows : tree.cache_rows;
  }
  ops_.attention_forward({.context = a.context,
                          .log_sum_exp = a.log_sum_exp,
                          .q = a.q_turned,
                          .k = keys,
                          .v = values,
                          .tree = &tree,
                          .query_rows = query_rows,
                          .shape = attention_shape(layer)});
  end_branch({.x = a.context,
              .weight = w.output,
              .bias = w.output_bias,
              .norm = w.attention_branch_norm,
              .branch = a.attention_branch,
              .inverse_rms = a.inverse_rms_3,
              .residual = residual,
              .out = a.residual_mid});

  const Tensor query_normed = first_rows(activations_->normed, queries),
               mlp_in = first_rows(activations_->mlp_in, queries);
  ops_.rmsnorm_forward({.y = query_normed,
                        .inverse_rms = a.inverse_rms_2,
                        .x = a.residual_mid,
                        .weight = w.mlp_norm,
                        .epsilon = epsilon,
                        .weight_offset = offset});
  if (w.router) return forward_experts(w, a, query_normed);
  multiply(a.gate_up, query_normed, w.gate_up_parts, w.gate_up_bias);
  ops_.gated_mlp_forward({.y = mlp_in, .gate_up = a.gate_up, .activation = architecture_.activation});
  end_branch({.x = mlp_in,
              .weight = w.down,
              .bias = w.down_bias,
              .norm = w.mlp_branch_norm,
              .branch = a.mlp_branch,
              .inverse_rms = a.inverse_rms_4,
              .residual = a.residual_mid,
              .out = a.residual_out});
}

// residual_out = residual_mid + sum over a token's experts of weight * mlp_expert(norm(residual_mid)). The rows that
// chose one expert are one matrix product, no more than there are tokens; how many they are must be known here, so the
// host waits for the router in every layer.
void Decoder::forward_experts(const LayerTensors& w, const LayerActivations& a, const Tensor& normed) {
  const ExpertActivations e = activations_->experts(normed.rows);
  ops_.linear_forward({.y = e.logits, .x = normed, .weight = w.router, .bias = {}, .residual = {}});
  ops_.expert_routing({.weights = e.weights,
                       .experts = e.choices,
                       .rows = e.row_numbers,
                       .places = e.places,
                       .bounds = e.bounds,
                       .logits = e.logits});
  ops_.gather_expert_rows({.y = e.rows, .x = normed, .rows = e.row_numbers});
  std::vector<int32_t> bounds(w.experts.size() + 1);
  backend_.download(bounds.data(), e.bounds, static_cast<int64_t>(bounds.size() * sizeof(int32_t)));
  for (size_t expert = 0; expert < w.experts.size(); ++expert) {
    const int64_t count = bounds[expert + 1] - bounds[expert];
    if (count == 0) continue;
    const Tensor rows = e.rows.row_range(bounds[expert], count), gate_up = first_rows(a.gate_up, count),
                 mlp_in = first_rows(activations_->mlp_in, count);
    multiply(gate_up, rows, w.experts[expert].gate_up_parts, {});
    ops_.gated_mlp_forward({.y = mlp_in, .gate_up = gate_up, .activation = architecture_.activation});
    ops_.linear_forward({.y = rows, .x = mlp_in, .weight = w.experts[expert].down, .bias = {}, .residual = {}});
  }
  ops_.combine_expert_rows(
      {.y = a.residual_out, .x = e.rows, .weights = e.weights, .places = e.places, .residual = a.residual_mid});
}

// Parts that lie one after another are one product; since every element of a product is a sum of its own, that shows in
// no bit of the CPU's.
void Decoder::multiply(const Tensor& y, const Tensor& x, std::span<const Tensor> parts, const Tensor& bias) {
  int64_t column = 0;
  while (!parts.empty()) {
    const Tensor weight = take_matrix(parts);
    ops_.linear_forward({.y = y.column_range(column, weight.rows),
                         .x = x,
                         .weight = weight,
                         .bias = columns_of(bias, column, weight.rows),
                         .residual = {}});
    column += weight.rows;
  }
}

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

// out = residual + x W^T + bias, the branch normed first where it has a norm.
void Decoder::end_branch(const BranchEnd& b) {
  if (!b.norm) {
    ops_.linear_forward({.y = b.out, .x = b.x, .weight = b.weight, .bias = b.bias, .residual = b.residual});
    return;
  }
  ops_.linear_forward({.y = b.branch, .x = b.x, .weight = b.weight, .bias = b.bias, .residual = {}});
  ops_.rmsnorm_forward({.y = b.out,
                        .inverse_rms = b.inverse_rms,
                        .x = b.branch,
                        .weight = b.norm,
                        .epsilon = architecture_.rms_norm_epsilon,
                        .weight_offset = architecture_.norm_weight_offset,
                        .residual = b.residual});
}

// The gradient of the branch before its norm, from d_out, that of the sum with the residual; d_out itself where there
// is no norm.
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
    // The last layer's activations are always its own; those of the others were overwritten if they are shared.
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

// Turns the gradient of the layer's output (d_last in the last layer, else d_residual) into that of its input
// (d_residual).
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
                           .q = a.q_turned,
                           .k = a.k_turned,
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
    // The residual's own gradient reaches the reward rows alone.
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
