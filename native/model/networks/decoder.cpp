#include "model/networks/decoder.h"

#include <algorithm>
#include <cmath>

#include "model/networks/body.h"
#include "model/networks/weight_parts.h"
#include "model/rope_table.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_routing/expert_routing.h"
#include "ops/expert_rows/expert_rows.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "ops/linear/linear.h"
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

// residual_mid = residual_in + o_proj(attention(norm(residual_in)))
// residual_out = residual_mid + mlp(norm(residual_mid))
// With branch norms, what is added to the residual is normalized first. In the last layer only keys and values are
// computed for all rows; everything after them only for the reward rows.
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
  ops_.rope_forward({.y = a.q_rotated,
                     .x = a.q,
                     .head_size = head_size,
                     .positions = last ? tree.reward_positions : tree.positions,
                     .cosine = cosine_,
                     .sine = sine_,
                     .norm_weight = w.q_norm,
                     .epsilon = epsilon,
                     .weight_offset = offset});
  ops_.rope_forward({.y = a.k_rotated,
                     .x = a.k,
                     .head_size = head_size,
                     .positions = tree.positions,
                     .cosine = cosine_,
                     .sine = sine_,
                     .norm_weight = w.k_norm,
                     .epsilon = epsilon,
                     .weight_offset = offset});
  ConstTensor keys = a.k_rotated, values = a.v;
  std::span<const int32_t> query_rows = last ? std::span<const int32_t>(tree.reward_rows) : std::span<const int32_t>{};
  if (cache) {
    ops_.scatter_rows({.x = cache->keys(layer), .y = keys, .rows = tree.cache_rows});
    ops_.scatter_rows({.x = cache->values(layer), .y = values, .rows = tree.cache_rows});
    keys = cache->keys(layer), values = cache->values(layer);
    query_rows = last ? tree.reward_cache_rows : tree.cache_rows;
  }
  ops_.attention_forward({.context = a.context,
                          .log_sum_exp = a.log_sum_exp,
                          .q = a.q_rotated,
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
// chose the same expert are one matrix product. Its number of rows must be known here, so the host waits for the router
// in every layer.
void Decoder::forward_experts(const LayerTensors& w, const LayerActivations& a, const Tensor& normed) {
  const ExpertActivations e = activations_->experts(normed.rows);
  ops_.linear_forward({.y = e.logits, .x = normed, .weight = w.router, .bias = {}, .residual = {}, .exact = true});
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

// Contiguous parts are one product. Every element of a product is a sum of its own, so this changes no bit on the CPU.
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

// out = residual + x W^T + bias; the branch is normalized first if it has a norm.
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

}  // namespace cheems::model
