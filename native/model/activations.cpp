#include "model/activations.h"

namespace cheems::model {
namespace {

ExpertActivations take_experts(const Architecture& a, const ActivationCapacity& capacity, Arena& arena) {
  const int64_t rows = capacity.rows, k = a.experts_per_token;
  const auto integers = [&](int64_t count) {
    return static_cast<int32_t*>(arena.floats(1, count).data);
  };  // as wide as a float
  ExpertActivations experts;
  experts.logits = arena.floats(rows, a.num_experts);
  experts.weights = arena.floats(rows, k);
  experts.rows = arena.matrix(rows * k, a.hidden_size, capacity.dtype);
  experts.choices = integers(rows * k);
  experts.row_numbers = integers(rows * k);
  experts.places = integers(rows * k);
  experts.bounds = integers(a.num_experts + 1);
  return experts;
}

}  // namespace

LayerActivations Activations::take_layer(const Architecture& a, const ActivationCapacity& capacity, bool last,
                                         Arena& arena) const {
  const int64_t rows = capacity.rows, queries = last ? capacity.rewards : rows, query = a.query_size(),
                key_value = a.key_value_size();
  const auto take = [&](int64_t matrix_rows, int64_t columns) {
    return arena.matrix(matrix_rows, columns, capacity.dtype);
  };
  LayerActivations layer;
  layer.inverse_rms_1 = arena.floats(1, rows);
  if (last) {
    layer.q = take(queries, query);
    layer.qkv = take(rows, 2 * key_value);
    layer.k = layer.qkv.column_range(0, key_value);
    layer.v = layer.qkv.column_range(key_value, key_value);
  } else {
    layer.qkv = take(rows, a.qkv_size());
    layer.q = layer.qkv.column_range(0, query);
    layer.k = layer.qkv.column_range(query, key_value);
    layer.v = layer.qkv.column_range(query + key_value, key_value);
  }
  layer.q_rotated = a.qk_norm ? take(queries, query) : layer.q;
  layer.k_rotated = a.qk_norm ? take(rows, key_value) : layer.k;
  layer.context = take(queries, query);
  if (capacity.training) layer.log_sum_exp = arena.floats(queries, a.num_heads);
  if (a.branch_norms) {
    layer.attention_branch = take(queries, a.hidden_size);
    layer.mlp_branch = take(queries, a.hidden_size);
    layer.inverse_rms_3 = arena.floats(1, queries);
    layer.inverse_rms_4 = arena.floats(1, queries);
  }
  layer.residual_mid = take(queries, a.hidden_size);
  layer.inverse_rms_2 = arena.floats(1, queries);
  layer.gate_up = take(queries, 2 * a.intermediate_size);
  return layer;
}

Activations::Activations(const Architecture& a, const ActivationCapacity& capacity, Arena& arena) {
  const int64_t rows = capacity.rows, rewards = capacity.rewards, hidden = a.hidden_size;
  const auto take = [&](int64_t matrix_rows, int64_t columns) {
    return arena.matrix(matrix_rows, columns, capacity.dtype);
  };
  const bool keep_all = capacity.training && !capacity.checkpointing;
  // If they need not be kept, all layers but the last share one set, and residuals alternate between two buffers.
  const LayerActivations last = take_layer(a, capacity, true, arena);
  LayerActivations shared;
  if (!keep_all && a.num_layers > 1) shared = take_layer(a, capacity, false, arena);
  std::vector<Tensor> residuals;
  const int64_t buffers = capacity.training ? a.num_layers : std::min<int64_t>(2, a.num_layers);
  for (int64_t i = 0; i < buffers; ++i) residuals.push_back(take(rows, hidden));
  for (int64_t layer = 0; layer < a.num_layers; ++layer) {
    const bool is_last = layer + 1 == a.num_layers;
    LayerActivations tensors = is_last ? last : keep_all ? take_layer(a, capacity, false, arena) : shared;
    tensors.residual_in = residuals[static_cast<size_t>(layer % buffers)];
    tensors.residual_out = is_last ? take(rewards, hidden) : residuals[static_cast<size_t>((layer + 1) % buffers)];
    layers_.push_back(tensors);
  }
  normed = take(rows, hidden);
  mlp_in = take(rows, a.intermediate_size);
  if (a.num_experts > 0) experts_ = take_experts(a, capacity, arena);
  query_normed = take(rewards, hidden);
  query_residual = take(rewards, hidden);
  final_normed = arena.matrix(rewards, hidden, capacity.final_dtype);
  final_inverse_rms = arena.floats(1, rewards);
  this->rewards = arena.floats(1, rewards);
  d_rewards = arena.floats(1, rewards);
  if (!capacity.training) return;
  d_residual = take(rows, hidden);
  d_final_normed = arena.floats(rewards, hidden);
  d_last = take(rewards, hidden);
  d_normed = take(rows, hidden);
  if (a.branch_norms) d_branch = take(rows, hidden);
  d_query_normed = take(rewards, hidden);
  d_mlp_in = take(rows, a.intermediate_size);
  d_context = take(rows, a.query_size());
  d_qkv = take(rows, a.qkv_size());
  d_query = take(rewards, a.query_size());
}

ExpertActivations Activations::experts(int64_t queries) const {
  ExpertActivations experts = experts_;
  experts.logits.rows = experts.weights.rows = queries;
  experts.rows.rows = queries * experts.weights.columns;
  return experts;
}

LayerActivations Activations::layer(int64_t number, int64_t rows, int64_t reward_rows) const {
  LayerActivations layer = layers_[static_cast<size_t>(number)];
  const int64_t queries = number + 1 == static_cast<int64_t>(layers_.size()) ? reward_rows : rows;
  for (Tensor* tensor : {&layer.residual_in, &layer.k, &layer.v, &layer.k_rotated, &layer.qkv}) tensor->rows = rows;
  for (Tensor* tensor : {&layer.q, &layer.q_rotated, &layer.context, &layer.log_sum_exp, &layer.residual_mid,
                         &layer.attention_branch, &layer.mlp_branch, &layer.gate_up, &layer.residual_out})
    tensor->rows = queries;
  layer.inverse_rms_1.columns = rows;
  for (Tensor* tensor : {&layer.inverse_rms_2, &layer.inverse_rms_3, &layer.inverse_rms_4}) tensor->columns = queries;
  return layer;
}

}  // namespace cheems::model
