// DeBERTa's attention over samples that lie one after another, without padding: each token attends to all tokens of its
// own sample, before and after it. With m = buckets of (j - i), the relative position of key j and query i:
//
//   s_ij = scale * (q_i . k_j + q_i . rel_k[m] + rel_q[m] . k_j);   p_i = softmax_j(s_ij);   context_i = sum_j p_ij v_j
//
// One bucket serves both relative terms, since the bucket of -r mirrors that of r. rel_q and rel_k are the layer's
// projections of the relative position embeddings, the same for every sample. Forward only. A query's context depends
// only on its own sample, to the bit on the CPU. There is no [N, N] matrix: the CPU holds [block, N] scores and [N, 2
// S] products of one head, CUDA holds tiles. Floor: 4*pairs*head_size FLOPs per head and 2*N*4*S*head_size for the
// relative terms, with S position buckets on each side. Source: He et al. 2021 (arXiv 2006.03654 and 2111.09543); the
// log buckets are transformers' make_log_bucket_position.
#pragma once

#include "batch/packed_tree.h"
#include "core/tensor.h"

namespace cheems {

struct DisentangledAttentionForward {
  Tensor context;            // [Q, num_heads * head_size]
  ConstTensor q;             // [Q, num_heads * head_size]
  ConstTensor k, v;          // [N, num_heads * head_size]
  ConstTensor rel_q, rel_k;  // [buckets, num_heads * head_size]
  // In the backend's memory: [2 * reach - 1]; entry j - i + reach - 1 is the row m of rel_q and rel_k. It never ascends
  // with j - i, and neighbors differ by at most 1.
  const int32_t* buckets;
  int64_t reach;           // at least the tokens of the longest sample
  const PackedTree* tree;  // host memory; every segment is a root: one sample
  bool first_tokens_only;  // Q = the number of samples, query s being the first token of segment s; else Q = N
  int64_t num_heads, head_size;
  float scale;
};

}  // namespace cheems
