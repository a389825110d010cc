// Attention over a packed prompt tree, grouped queries: each token attends to all tokens of its segment's ancestors
// and causally to its own segment; with a window W, to the W nearest of them, itself included.
//
//   s_j = scale * q . k_j (with a soft cap c: c tanh(s_j / c));  p = softmax(s);  context = sum_j p_j v_j
// Backward, with P = p, dP_j = dcontext . v_j, D = dcontext . context:
//   dS_j = p_j (dP_j - D) [times 1 - (s_j / c)^2 with a cap];  dq = scale sum_j dS_j k_j;  dk_j = scale sum dS_j q;
//   dv_j = sum p_j dcontext dk and dv of a shared prefix gather from all its descendants, in segment order: no atomics,
//   the same bits always.
// P is not kept: the backward computes it again from log_sum_exp (of the scaled scores).
// Floor: 4*pairs*head_size FLOPs per query head forward, 10 backward, `pairs` = visible (query, key) pairs.
// A query's result depends on its own path alone, in the order of positions: the same bits with and without sharing.
// Source: Dao et al. 2022 (arXiv 2205.14135) for the backward's form.
#pragma once

#include <span>

#include "batch/packed_tree.h"
#include "core/tensor.h"

namespace cheems {

struct AttentionShape {
  int64_t num_heads, num_key_value_heads, head_size;
  int64_t window = 0;  // 0: no window
  float scale = 1;
  float soft_cap = 0;  // 0: none
};

struct AttentionForward {
  Tensor context;      // [Q, num_heads * head_size]
  Tensor log_sum_exp;  // [Q, num_heads]; absent where no backward follows
  ConstTensor q;       // [Q, num_heads * head_size]
  ConstTensor k, v;  // [N, num_key_value_heads * head_size]; with a cache all its rows, which the tree's segments name
  const PackedTree* tree;               // host memory
  std::span<const int32_t> query_rows;  // [Q] rows of k and v where the queries' own are, ascending; empty: all N rows
  AttentionShape shape;
};

struct AttentionBackward {
  Tensor dq;              // [Q, …] overwritten
  Tensor dk, dv;          // [N, …] overwritten
  ConstTensor d_context;  // [Q, …]
  ConstTensor context, log_sum_exp, q, k, v;
  const PackedTree* tree;
  std::span<const int32_t> query_rows;
  AttentionShape shape;
};

}  // namespace cheems
