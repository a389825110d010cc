// ops/attention/attention.h in plain loops: each query walks the tokens of its path.
#include <algorithm>
#include <cmath>

#include "ops/attention/attention.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// The token rows that the token in `row` sees, in the order of positions.
inline std::vector<int64_t> visible_rows(const PackedTree& tree, int64_t row, int64_t window) {
  std::vector<int64_t> visible;
  int32_t segment = 0;
  const auto holds = [&](const Segment& s) { return row >= s.begin && row < s.begin + s.length; };
  while (!holds(tree.segments[static_cast<size_t>(segment)])) ++segment;
  for (int64_t last = row; segment >= 0;) {
    const Segment& s = tree.segments[static_cast<size_t>(segment)];
    for (int64_t at = last; at >= s.begin; --at) visible.push_back(at);
    segment = s.parent;
    if (segment >= 0)
      last = tree.segments[static_cast<size_t>(segment)].begin + tree.segments[static_cast<size_t>(segment)].length - 1;
  }
  if (window > 0 && static_cast<int64_t>(visible.size()) > window) visible.resize(static_cast<size_t>(window));
  std::reverse(visible.begin(), visible.end());
  return visible;
}

inline int64_t row_of_query(std::span<const int32_t> query_rows, int64_t query) {
  return query_rows.empty() ? query : query_rows[static_cast<size_t>(query)];
}

template <class A>
A capped(A score, A cap) {
  return cap > 0 ? cap * std::tanh(score / cap) : score;
}

template <class A>
void attention_forward(const AttentionForward& a) {
  const AttentionShape& s = a.shape;
  for (int64_t query = 0; query < a.q.rows; ++query) {
    const std::vector<int64_t> rows = visible_rows(*a.tree, row_of_query(a.query_rows, query), s.window);
    for (int64_t head = 0; head < s.num_heads; ++head) {
      const int64_t column = head * s.head_size, kv_column = head / (s.num_heads / s.num_key_value_heads) * s.head_size;
      std::vector<A> p;
      for (const int64_t row : rows) {
        p.push_back(capped<A>(static_cast<A>(s.scale) * dot<A>(a.q, query, column, a.k, row, kv_column, s.head_size),
                              static_cast<A>(s.soft_cap)));
      }
      const A most = *std::max_element(p.begin(), p.end());
      A sum = 0;
      for (A& score : p) sum += score = std::exp(score - most);
      for (int64_t i = 0; i < s.head_size; ++i) {
        A context = 0;
        for (size_t j = 0; j < p.size(); ++j) context += p[j] * get<A>(a.v, rows[j], kv_column + i);
        put<A>(a.context, query, column + i, context / sum);
      }
      if (a.log_sum_exp) put<A>(a.log_sum_exp, query, head, most + std::log(sum));
    }
  }
}

// dk and dv before they are stored: [N, num_key_value_heads * head_size].
template <class A>
struct KeyValueSums {
  std::vector<A> dk, dv;
};

// One query of one head: dq is stored, its parts of dk and dv are added to the sums.
template <class A>
void query_backward(const AttentionBackward& a, int64_t query, int64_t head, const std::vector<int64_t>& rows,
                    KeyValueSums<A>& sums) {
  const AttentionShape& s = a.shape;
  const int64_t column = head * s.head_size, kv_column = head / (s.num_heads / s.num_key_value_heads) * s.head_size;
  const A scale = static_cast<A>(s.scale), cap = static_cast<A>(s.soft_cap),
          log_sum_exp = get<A>(a.log_sum_exp, query, head);
  const A d = dot<A>(a.d_context, query, column, a.context, query, column, s.head_size);
  std::vector<A> dq(static_cast<size_t>(s.head_size));
  for (const int64_t row : rows) {
    const A score = capped<A>(scale * dot<A>(a.q, query, column, a.k, row, kv_column, s.head_size), cap);
    const A p = std::exp(score - log_sum_exp);
    A ds = p * (dot<A>(a.d_context, query, column, a.v, row, kv_column, s.head_size) - d);
    if (cap > 0) ds *= 1 - score / cap * (score / cap);
    for (int64_t i = 0; i < s.head_size; ++i) {
      const auto at = static_cast<size_t>(row * s.num_key_value_heads * s.head_size + kv_column + i);
      dq[static_cast<size_t>(i)] += ds * get<A>(a.k, row, kv_column + i);
      sums.dk[at] += ds * get<A>(a.q, query, column + i);
      sums.dv[at] += p * get<A>(a.d_context, query, column + i);
    }
  }
  for (int64_t i = 0; i < s.head_size; ++i) put<A>(a.dq, query, column + i, scale * dq[static_cast<size_t>(i)]);
}

template <class A>
void attention_backward(const AttentionBackward& a) {
  const auto columns = static_cast<size_t>(a.dk.columns);
  KeyValueSums<A> sums{std::vector<A>(static_cast<size_t>(a.dk.rows) * columns),
                       std::vector<A>(static_cast<size_t>(a.dv.rows) * columns)};
  for (int64_t query = 0; query < a.q.rows; ++query) {
    const std::vector<int64_t> rows = visible_rows(*a.tree, row_of_query(a.query_rows, query), a.shape.window);
    for (int64_t head = 0; head < a.shape.num_heads; ++head) query_backward<A>(a, query, head, rows, sums);
  }
  for (int64_t row = 0; row < a.dk.rows; ++row) {
    for (int64_t c = 0; c < a.dk.columns; ++c) {
      put<A>(a.dk, row, c,
             static_cast<A>(a.shape.scale) * sums.dk[static_cast<size_t>(row) * columns + static_cast<size_t>(c)]);
      put<A>(a.dv, row, c, sums.dv[static_cast<size_t>(row) * columns + static_cast<size_t>(c)]);
    }
  }
}

CHEEMS_PLAIN(attention_forward, AttentionForward)
CHEEMS_PLAIN(attention_backward, AttentionBackward)

}  // namespace cheems::testing::plain
