// What a forward pass leaves for the backward pass, layer by layer, and the scratch memory of both.
#pragma once

#include <algorithm>
#include <vector>

#include "core/arena.h"
#include "model/architecture.h"

namespace cheems::model {

// How large a batch may be, and how much of it is kept.
struct ActivationCapacity {
  int64_t rows = 0;              // token rows of a packed tree
  int64_t rewards = 0;           // samples of a packed tree
  int64_t longest_path = 0;      // tokens of the longest sample
  int64_t widest_head = 0;       // columns of the widest layer of a reward head of several layers
  bool training = false;         // keep every layer's activations for a backward pass
  bool checkpointing = false;    // training: keep only each layer's input, recompute the rest
  DType dtype = DType::float32;  // of the activations and their gradients, except those marked float32 below
  DType final_dtype =
      DType::float32;  // of final_normed: float32 for a reward head, the activations' dtype before a vocabulary
};

// N token rows, Q queries: all rows, except in the last layer, which has only the reward rows.
struct LayerActivations {
  Tensor residual_in;    // [N, H]
  Tensor inverse_rms_1;  // [1, N] float32
  Tensor q, k, v;        // [Q, heads * size], [N, kv heads * size] twice: projections, rotated by rope in place …
  Tensor q_rotated, k_rotated;  // … or, if heads are normalized, separately; else the same views as q and k
  Tensor qkv;                   // [N, all]: q, k and v as one matrix; in the last layer only k and v
  Tensor context;               // [Q, heads * size]
  Tensor log_sum_exp;           // [Q, heads] float32; absent without training
  Tensor attention_branch, inverse_rms_3;  // [Q, H], [1, Q] float32: the branch before its norm (branch_norms)
  Tensor residual_mid;                     // [Q, H] after attention
  Tensor inverse_rms_2;                    // [1, Q] float32
  Tensor gate_up;                          // [Q, 2 I]; the backward pass overwrites it with its gradient
  Tensor mlp_branch, inverse_rms_4;        // as for attention
  Tensor residual_out;                     // [Q, H]: the next layer's residual_in
};

// What a layer with experts needs of its own: scratch of the forward pass, as ops/expert_routing describes it. k
// choices per token.
struct ExpertActivations {
  Tensor logits;   // [Q, E] float32
  Tensor weights;  // [Q, k] float32
  Tensor rows;     // [Q * k, H]: the experts' input, sorted by expert, overwritten by their results
  int32_t *choices = nullptr, *row_numbers = nullptr, *places = nullptr, *bounds = nullptr;  // in the backend's memory
};

class Activations {
 public:
  Activations(const Architecture& architecture, const ActivationCapacity& capacity, Arena& arena);

  // Views of the layer's tensors for a batch of `rows` tokens and `reward_rows` distinct reward rows.
  LayerActivations layer(int64_t layer, int64_t rows, int64_t reward_rows) const;
  // Views of the experts' scratch for `queries` rows.
  ExpertActivations experts(int64_t queries) const;

  // Scratch of both directions, overwritten by each layer. Take views with first_rows().
  Tensor normed;                        // [N, H]: a norm's output, the input of a projection
  Tensor mlp_in;                        // [N, I]: the gated activation
  Tensor query_normed, query_residual;  // [U, H]: the last layer's reward rows
  // After the last layer, float32: 16-bit rewards would create false ties.
  Tensor final_normed;        // [U, H] final_dtype
  Tensor final_inverse_rms;   // [1, U]
  Tensor rewards, d_rewards;  // [1, R]
  // Gradients, with training only.
  Tensor d_residual;      // [N, H]
  Tensor d_final_normed;  // [U, H] float32
  Tensor d_last;          // [U, H]: of the last layer's output
  Tensor d_normed;        // [N, H]
  Tensor d_branch;        // [N, H]: of a branch's output before its norm (branch_norms)
  Tensor d_query_normed;  // [U, H]
  Tensor d_mlp_in;        // [N, I]
  Tensor d_context;       // [N, heads * size]
  Tensor d_qkv;           // [N, all]
  Tensor d_query;         // [U, heads * size]

 private:
  LayerActivations take_layer(const Architecture& architecture, const ActivationCapacity& capacity, bool last,
                              Arena& arena) const;
  std::vector<LayerActivations> layers_;
  ExpertActivations experts_;
};

// The first `rows` rows.
inline Tensor first_rows(Tensor tensor, int64_t rows) {
  tensor.rows = rows;
  return tensor;
}

}  // namespace cheems::model
