// Grouped-query attention over a packed prompt tree: each token attends to all tokens of its segment's ancestors and
// causally to its own segment; with a window W, to the W nearest of them, itself included.
//
//   s_j = scale * q . k_j (with a soft cap c: c tanh(s_j / c));  p = softmax(s);  context = sum_j p_j v_j
// Backward, with P = p, dP_j = dcontext . v_j, D = dcontext . context:
//   dS_j = p_j (dP_j - D) [times 1 - (s_j / c)^2 with a cap]
//   dq = scale sum_j dS_j k_j;  dk_j = scale sum dS_j q;  dv_j = sum p_j dcontext
// dk and dv of a shared prefix are summed over all its descendants, in segment order. There are no atomics, so the bits
// are always the same.
// P is not stored: the backward recomputes it from log_sum_exp (of the scaled scores).
// Floor: 4*pairs*head_size FLOPs per query head forward, 10 backward, `pairs` = visible (query, key) pairs.
// A query's result depends only on its own path, in the order of positions: the bits are the same with and without
// sharing.
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
  Tensor log_sum_exp;  // [Q, num_heads]; absent if no backward follows
  ConstTensor q;       // [Q, num_heads * head_size]
  ConstTensor k,
      v;  // [N, num_key_value_heads * head_size]; with a cache: all its rows, which the tree's segments index
  const PackedTree* tree;               // host memory
  std::span<const int32_t> query_rows;  // [Q] the queries' own rows of k and v, ascending; empty: all N
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
