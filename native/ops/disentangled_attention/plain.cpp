// ops/disentangled_attention/disentangled_attention.h in plain loops: each query walks the tokens of its sample.
#include <algorithm>
#include <cmath>

#include "batch/packed_tree.h"
#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// One query of one head over the rows [first, first + length) of its sample.
template <class A>
void disentangled_query(const DisentangledAttentionForward& a, int64_t query, int64_t position, int64_t column,
                        int64_t first, int64_t length) {
  const int64_t d = a.head_size;
  std::vector<A> p;
  for (int64_t j = 0; j < length; ++j) {
    const int64_t m = a.buckets[j - position + a.reach - 1];
    p.push_back(static_cast<A>(a.scale) * (dot<A>(a.q, query, column, a.k, first + j, column, d) +
                                           dot<A>(a.q, query, column, a.rel_k, m, column, d) +
                                           dot<A>(a.rel_q, m, column, a.k, first + j, column, d)));
  }
  const A most = *std::max_element(p.begin(), p.end());
  A sum = 0;
  for (A& score : p) sum += score = std::exp(score - most);
  for (int64_t c = 0; c < d; ++c) {
    A context = 0;
    for (int64_t j = 0; j < length; ++j) context += p[static_cast<size_t>(j)] * get<A>(a.v, first + j, column + c);
    put<A>(a.context, query, column + c, context / sum);
  }
}

template <class A>
void disentangled_attention_forward(const DisentangledAttentionForward& a) {
  for (size_t s = 0; s < a.tree->segments.size(); ++s) {
    const Segment& segment = a.tree->segments[s];
    for (int64_t i = 0; i < (a.first_tokens_only ? 1 : segment.length); ++i) {
      const int64_t query = a.first_tokens_only ? static_cast<int64_t>(s) : segment.begin + i;
      for (int64_t head = 0; head < a.num_heads; ++head)
        disentangled_query<A>(a, query, i, head * a.head_size, segment.begin, segment.length);
    }
  }
}

CHEEMS_PLAIN(disentangled_attention_forward, DisentangledAttentionForward)

}  // namespace cheems::testing::plain
