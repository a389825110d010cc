#include "model/networks/encoder.h"

#include <cmath>
#include <numeric>

#include "core/error.h"
#include "model/heads/pooler.h"
#include "model/networks/body.h"
#include "model/relative_positions.h"
#include "ops/disentangled_attention/disentangled_attention.h"
#include "ops/embedding/embedding.h"
#include "ops/gelu/gelu.h"
#include "ops/layernorm/layernorm.h"
#include "ops/linear/linear.h"
#include "ops/rows/rows.h"

namespace cheems::model {

// What a forward pass uses, overwritten by every layer; N token rows, R samples. Take views with first_rows().
struct Encoder::Buffers {
  Tensor x;                  // [N, H]: the residual stream between layers
  Tensor mid;                // [N, H]: after attention
  Tensor qkv;                // [N, 3 H]; in the last layer only k and v
  Tensor context;            // [N, H]
  Tensor inner;              // [N, I]
  Tensor first, first_q;     // [R, H]: of the first tokens, in the last layer
  Tensor last, last_normed;  // [R, H]: `last` in the activations' dtype, the other float32
  Tensor rewards;            // [1, R] float32

  Buffers(const Architecture& a, const ActivationCapacity& capacity, Arena& arena) {
    const auto take = [&](int64_t rows, int64_t columns) { return arena.matrix(rows, columns, capacity.dtype); };
    x = take(capacity.rows, a.hidden_size);
    mid = take(capacity.rows, a.hidden_size);
    qkv = take(capacity.rows, 3 * a.hidden_size);
    context = take(capacity.rows, a.hidden_size);
    inner = take(capacity.rows, a.intermediate_size);
    first = take(capacity.rewards, a.hidden_size);
    first_q = take(capacity.rewards, a.hidden_size);
    last = take(capacity.rewards, a.hidden_size);
    last_normed = arena.floats(capacity.rewards, a.hidden_size);
    rewards = arena.floats(1, capacity.rewards);
  }
};

namespace {

WorkspaceRequest encoder_workspace(const Architecture& a, const ActivationCapacity& capacity) {
  return {.longest_path = capacity.longest_path,
          .num_heads = a.num_heads,
          .num_key_value_heads = a.num_heads,
          .head_size = a.head_size,
          .widest_row = std::max(3 * a.hidden_size, a.intermediate_size),
          .rows = std::max(capacity.rows, 2 * a.position_buckets),
          .relative_buckets = 2 * a.position_buckets};
}

// One block per layer, and one for the normalized embeddings.
int64_t relative_bytes(const Architecture& a, DType dtype) {
  Arena counter;
  counter.matrix(2 * a.position_buckets, a.hidden_size, dtype);
  for (int64_t layer = 0; layer < a.num_layers; ++layer)
    counter.matrix(2 * a.position_buckets, 2 * a.hidden_size, dtype);
  return counter.used();
}

int64_t bucket_bytes(const ActivationCapacity& capacity) {
  return (2 * capacity.longest_path - 1) * static_cast<int64_t>(sizeof(int32_t));
}

// Transformers divides by sqrt(head_size * 3): one for the content scores and one for each relative term.
[[noreturn]] void refuse_backward() {
  fail("An encoder was asked for gradients, but it has no backward pass; this is a defect of the engine.");
}

float score_scale(const Architecture& a) {
  return static_cast<float>(1 / std::sqrt(3.0 * static_cast<double>(a.head_size)));
}

}  // namespace

const Body& encoder_body() {
  static const Body body = {.name = "encoder",
                            .sample_form = "pair",
                            .any_length = true,
                            .shares_prompts = false,
                            .has_backward = false,
                            .has_cache = false,
                            .maps_weights = false,
                            .pooled = true,
                            .least_path = 512,
                            .prefix = "deberta.",
                            .embedding = "embeddings.word_embeddings.weight",
                            .unused = {"deberta.embeddings.position_ids"},
                            .unused_prefixes = {"lm_predictions.", "mask_predictions."},
                            .describe = [](const Architecture& a, const ModelEnd& end,
                                           ParameterVisitor& visitor) { (void)visit_encoder(a, end, visitor); },
                            .make = [](const Architecture& a, const Parameters& weights, Backend& backend,
                                       const ActivationCapacity& capacity) -> std::unique_ptr<Network> {
                              return std::make_unique<Encoder>(a, encoder_tensors(weights.layout(), a, weights.data()),
                                                               backend, capacity);
                            },
                            .plan = Encoder::plan};
  return body;
}

void Encoder::plan(const Architecture& a, const ActivationCapacity& capacity, const WorkspaceBytes& workspace_bytes,
                   MemoryPlan& plan) {
  Arena counter;
  const Buffers counted(a, capacity, counter);
  plan.add("activations, forward", "activations",
           counter.used() + PoolerHead::scratch_bytes(a.hidden_size, capacity.rewards));
  plan.add("projections of the relative positions", "workspace",
           relative_bytes(a, capacity.dtype) + bucket_bytes(capacity));
  plan.add("workspace of the kernels", "workspace", workspace_bytes(encoder_workspace(a, capacity)));
}

Encoder::Encoder(const Architecture& architecture, const EncoderTensors& weights, Backend& backend,
                 const ActivationCapacity& capacity)
    : architecture_(architecture),
      weights_(weights),
      backend_(backend),
      ops_(backend.operations()),
      capacity_(capacity) {
  Arena counter;
  const Buffers counted(architecture, capacity, counter);
  memory_ = backend.allocate(counter.used(), "activations");
  Arena arena(memory_->data());
  buffers_ = std::make_unique<Buffers>(architecture, capacity, arena);
  workspace_ =
      backend.allocate(ops_.workspace_bytes(encoder_workspace(architecture, capacity)), "the kernels' workspace");
  relative_memory_ =
      backend.allocate(relative_bytes(architecture, capacity.dtype), "projections of the relative positions");
  bucket_memory_ = backend.allocate(bucket_bytes(capacity), "buckets of the relative positions");
  const std::vector<int32_t> rows =
      relative_rows(architecture.position_buckets, architecture.max_relative_positions, capacity.longest_path);
  backend.upload(bucket_memory_->data(), rows.data(), static_cast<int64_t>(rows.size() * sizeof(int32_t)));
  project_relative_positions();
}

Encoder::~Encoder() = default;

void Encoder::norm(const WeightAndBias& w, const Tensor& x, const Tensor& y) {
  ops_.layernorm_forward(
      {.y = y, .x = x, .weight = w.weight, .bias = w.bias, .epsilon = architecture_.layer_norm_epsilon});
}

// Queries and keys of the relative positions, by each layer's own content projections (share_att_key).
void Encoder::project_relative_positions() {
  const int64_t rows = 2 * architecture_.position_buckets, hidden = architecture_.hidden_size;
  ops_.set_workspace(workspace_->data(), workspace_->size());
  Arena arena(relative_memory_->data());
  const Tensor normed = arena.matrix(rows, hidden, capacity_.dtype);
  std::vector<int32_t> all(static_cast<size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  ops_.embedding_forward({.y = normed, .table = weights_.relative_embedding, .tokens = all});
  norm(weights_.relative_norm, normed, normed);
  for (const EncoderLayerTensors& w : weights_.layers) {
    const Tensor both = arena.matrix(rows, 2 * hidden, capacity_.dtype);
    ops_.linear_forward({.y = both,
                         .x = normed,
                         .weight = w.qkv.weight.row_range(0, 2 * hidden),
                         .bias = w.qkv.bias.column_range(0, 2 * hidden),
                         .residual = {}});
    relative_.push_back({both, both.column_range(0, hidden), both.column_range(hidden, hidden)});
  }
}

Tensor Encoder::rewards(const PackedTree& tree) const { return buffers_->rewards.column_range(0, tree.rewards()); }

Tensor Encoder::d_rewards(const PackedTree&) const { refuse_backward(); }
Tensor Encoder::d_hidden(const PackedTree&) const { refuse_backward(); }
void Encoder::backward(const PackedTree&, const ModelTensors&, const Control&) { refuse_backward(); }

Tensor Encoder::forward_hidden(const PackedTree& tree, const Control& control, const KeyValueCache* cache) {
  if (cache) fail("An encoder was given a key/value cache; this is a defect of the engine.");
  if (tree.segments.size() != tree.samples.size())
    fail("An encoder was given samples that share a prefix; this is a defect of the engine.");
  ops_.set_workspace(workspace_->data(), workspace_->size());
  ops_.begin_batch(tree);
  const Range range(backend_, "forward");
  const Tensor x = first_rows(buffers_->x, tree.rows());
  ops_.embedding_forward({.y = x, .table = weights_.embedding, .tokens = tree.tokens});
  norm(weights_.embedding_norm, x, x);
  for (int64_t layer = 0; layer + 1 < architecture_.num_layers; ++layer) {
    control.check();
    forward_layer(layer, tree);
  }
  control.check();
  return forward_last_layer(tree);
}

// mid = norm(x + output(attention(x)));  x = norm(mid + down(gelu(up(mid))))
void Encoder::forward_layer(int64_t layer, const PackedTree& tree) {
  const Range range(backend_, "layer", layer);
  const EncoderLayerTensors& w = weights_.layers[static_cast<size_t>(layer)];
  const int64_t hidden = architecture_.hidden_size;
  const Tensor x = first_rows(buffers_->x, tree.rows()), qkv = first_rows(buffers_->qkv, tree.rows()),
               context = first_rows(buffers_->context, tree.rows()), mid = first_rows(buffers_->mid, tree.rows());
  ops_.linear_forward({.y = qkv, .x = x, .weight = w.qkv.weight, .bias = w.qkv.bias, .residual = {}});
  attend(layer, tree, context, qkv.column_range(0, hidden), qkv.column_range(hidden, hidden),
         qkv.column_range(2 * hidden, hidden), false);
  ops_.linear_forward({.y = mid, .x = context, .weight = w.output.weight, .bias = w.output.bias, .residual = x});
  norm(w.attention_norm, mid, mid);
  forward_mlp(w, mid, x);
  norm(w.mlp_norm, x, x);
}

// As forward_layer, but what follows the keys and values is computed only for the first tokens, which the head reads.
// From the last norm's output on it is in float32: 16-bit rewards would create false ties.
Tensor Encoder::forward_last_layer(const PackedTree& tree) {
  const Range range(backend_, "layer", architecture_.num_layers - 1);
  const EncoderLayerTensors& w = weights_.layers.back();
  const int64_t hidden = architecture_.hidden_size, samples = tree.rewards();
  const Tensor x = first_rows(buffers_->x, tree.rows()), first = first_rows(buffers_->first, samples),
               q = first_rows(buffers_->first_q, samples), last = first_rows(buffers_->last, samples);
  const Tensor context = first_rows(buffers_->context, samples), mid = first_rows(buffers_->mid, samples);
  Tensor kv = first_rows(buffers_->qkv, tree.rows());
  kv.columns = kv.stride = 2 * hidden;
  std::vector<int32_t> rows;
  for (const Segment& segment : tree.segments) rows.push_back(segment.begin);
  ops_.gather_rows({.y = first, .x = x, .rows = rows});
  ops_.linear_forward({.y = q,
                       .x = first,
                       .weight = w.qkv.weight.row_range(0, hidden),
                       .bias = w.qkv.bias.column_range(0, hidden),
                       .residual = {}});
  ops_.linear_forward({.y = kv,
                       .x = x,
                       .weight = w.qkv.weight.row_range(hidden, 2 * hidden),
                       .bias = w.qkv.bias.column_range(hidden, 2 * hidden),
                       .residual = {}});
  attend(architecture_.num_layers - 1, tree, context, q, kv.column_range(0, hidden), kv.column_range(hidden, hidden),
         true);
  ops_.linear_forward({.y = mid, .x = context, .weight = w.output.weight, .bias = w.output.bias, .residual = first});
  norm(w.attention_norm, mid, mid);
  forward_mlp(w, mid, last);
  const Tensor normed = first_rows(buffers_->last_normed, samples);
  norm(w.mlp_norm, last, normed);
  return normed;
}

void Encoder::attend(int64_t layer, const PackedTree& tree, const Tensor& context, const Tensor& q, const Tensor& k,
                     const Tensor& v, bool first_tokens_only) {
  const RelativeProjections& relative = relative_[static_cast<size_t>(layer)];
  ops_.disentangled_attention_forward({.context = context,
                                       .q = q,
                                       .k = k,
                                       .v = v,
                                       .rel_q = relative.q,
                                       .rel_k = relative.k,
                                       .buckets = static_cast<const int32_t*>(bucket_memory_->data()),
                                       .reach = capacity_.longest_path,
                                       .tree = &tree,
                                       .first_tokens_only = first_tokens_only,
                                       .num_heads = architecture_.num_heads,
                                       .head_size = architecture_.head_size,
                                       .scale = score_scale(architecture_)});
}

// out = mid + down(gelu(up(mid))), before its norm.
void Encoder::forward_mlp(const EncoderLayerTensors& w, const Tensor& mid, const Tensor& out) {
  const Tensor inner = first_rows(buffers_->inner, mid.rows);
  ops_.linear_forward({.y = inner, .x = mid, .weight = w.up.weight, .bias = w.up.bias, .residual = {}});
  ops_.gelu_forward({.y = inner, .x = inner});
  ops_.linear_forward({.y = out, .x = inner, .weight = w.down.weight, .bias = w.down.bias, .residual = mid});
}

}  // namespace cheems::model
