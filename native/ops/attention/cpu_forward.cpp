#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/cpu_forward.cpp"
#include "hwy/foreach_target.h"

#include "ops/attention/cpu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

// Scores [begin, end) of one row become exp(score - max); everything else up to `padded_end` becomes zero. Returns the
// sum and the maximum. The row begins at position `first_key`. Terms are numbered by position, so the sum has the same
// order in every block.
struct RowSum {
  double sum;
  float max;
};
template <class Panels>
RowSum exponentiate_row(float* scores, int64_t first_key, int64_t begin, int64_t end, int64_t padded_end,
                        float soft_cap) {
  memset(scores, 0, static_cast<size_t>(begin) * sizeof(float));
  memset(scores + end, 0, static_cast<size_t>(padded_end - end) * sizeof(float));
  if (soft_cap > 0) {
    for (int64_t j = begin; j < end; j += kFloatLanes)
      store(soft_capped(load(scores + j, end - j), soft_cap).score, scores + j, end - j);
  }
  const Floats d;
  FloatVec highest = set(scores[begin]);
  int64_t j = begin;
  for (; j + kFloatLanes <= end; j += kFloatLanes) highest = hn::Max(highest, hn::LoadU(d, scores + j));
  float max = largest_lane(highest);
  for (; j < end; ++j) max = std::max(max, scores[j]);
  const FloatVec shift = set(max);
  DoubleSum sum;
  for (j = begin / kFloatLanes * kFloatLanes; j < end; j += kFloatLanes) {
    FloatVec x = hn::Sub(hn::LoadU(d, scores + j), shift);
    if (j < begin ||
        j + kFloatLanes > end) {  // lanes outside [begin, end): exp is 0 in float32, and far below the sum's last bit
      const auto inside = hn::And(hn::FirstN(d, static_cast<size_t>(std::min(end - j, kFloatLanes))),
                                  hn::Not(hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(0, begin - j)))));
      x = hn::IfThenElse(inside, x, set(-200.0f));
    }
    if constexpr (Panels::kExactFunctions) {
      const Widened e = exp(x);
      hn::StoreU(narrow(e), d, scores + j);
      sum.add(first_key + j, e);
    } else {
      const FloatVec e = float_exp(x);
      hn::StoreU(e, d, scores + j);
      sum.add(first_key + j, widen(e));
    }
  }
  return {sum.total(), max};
}

void scale_row(float* row, float factor, int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes)
    store(hn::Mul(set(factor), load(row + i, count - i)), row + i, count - i);
}

// Rows of a block: either the queries of one head, or the heads of one group for a single query.
struct BlockRows {
  const float* q;
  float *context, *log_sum_exp;  // log_sum_exp: null if not needed
  int64_t q_stride, context_stride, log_sum_exp_stride;
};

template <class Panels>
void block_forward(const AttentionShape& shape, const QueryBlock& block, const BlockRows& rows, int64_t path,
                   const Scratch& s) {
  const int64_t width = round_up(block.end_key - block.first_key, kTileColumns), size = shape.head_size;
  score_block<FloatPanels>(block, rows.q, rows.q_stride, shape.scale, size, s.keys_transposed, s.packed, s.scores,
                           width);
  for (int64_t i = 0; i < block.count; ++i) {
    const RowSum row = exponentiate_row<Panels>(s.scores + i * width, block.first_key,
                                                block.first_visible(i, shape.window) - block.first_key,
                                                block.positions[i] + 1 - block.first_key, width, shape.soft_cap);
    s.row_terms[i] = static_cast<float>(1 / row.sum);
    if (rows.log_sum_exp)
      rows.log_sum_exp[i * rows.log_sum_exp_stride] = static_cast<float>(row.max + std::log(row.sum));
  }
  weigh_block<Panels>(block, s.scores, width, 1.0f, size, path, s.values_panel, s.packed, rows.context,
                      rows.context_stride);
  for (int64_t i = 0; i < block.count; ++i) scale_row(rows.context + i * rows.context_stride, s.row_terms[i], size);
}

// The query heads of one group, which read the same keys and values.
template <class Panels>
void group_forward(const AttentionForward& a, const Segment& segment, QueryRange queries, int64_t first_head,
                   int64_t heads, int64_t path, const Scratch& s) {
  const int64_t size = a.shape.head_size;
  const auto rows_at = [&](int64_t query, int64_t head) {
    return BlockRows{floats(a.q) + query * a.q.stride + head * size,
                     floats(a.context) + query * a.context.stride + head * size,
                     a.log_sum_exp ? floats(a.log_sum_exp) + query * a.log_sum_exp.stride + head : nullptr,
                     a.q.stride,
                     a.context.stride,
                     a.log_sum_exp.stride};
  };
  if (queries.end - queries.begin == 1) {
    // One query, as in generation: the heads share a tile's rows. Each row has its own sums, so the bits are the same.
    QueryBlock block = query_block(segment, a.query_rows, queries.begin, queries.end, a.shape.window);
    for (int64_t head = 0; head < heads; head += kQueryBlock) {
      block.count = std::min(kQueryBlock, heads - head);
      std::fill_n(block.positions, block.count, block.positions[0]);
      BlockRows rows = rows_at(queries.begin, first_head + head);
      rows.q_stride = rows.context_stride = size;
      rows.log_sum_exp_stride = 1;
      block_forward<Panels>(a.shape, block, rows, path, s);
    }
    return;
  }
  for (int64_t head = first_head; head < first_head + heads; ++head) {
    for (int64_t begin = queries.begin; begin < queries.end; begin += kQueryBlock) {
      block_forward<Panels>(a.shape, query_block(segment, a.query_rows, begin, queries.end, a.shape.window),
                            rows_at(begin, head), path, s);
    }
  }
}

template <class Panels>
void forward_with(const AttentionForward& a, Context& context) {
  const PackedTree& tree = *a.tree;
  const auto& shape = a.shape;
  const int64_t group = shape.num_heads / shape.num_key_value_heads, size = shape.head_size;
  const int64_t floats_per_thread = Scratch(nullptr, tree.longest_path, size, false).floats_used;
  context.pool.parallel_for(static_cast<int64_t>(tree.segments.size()) * shape.num_key_value_heads,
                            [&](int64_t task, int thread) {
                              const auto number = static_cast<int32_t>(task / shape.num_key_value_heads);
                              const int64_t key_value_head = task % shape.num_key_value_heads;
                              const Segment& segment = tree.segments[static_cast<size_t>(number)];
                              const QueryRange queries = queries_of(segment, a.query_rows);
                              if (queries.begin == queries.end) return;
                              const Scratch s(reinterpret_cast<float*>(context.workspace) + thread * floats_per_thread,
                                              tree.longest_path, size, false);
                              const int64_t path = segment.position + segment.length;
                              gather_path(tree, number, a.k, key_value_head * size, size, s.keys);
                              gather_path(tree, number, a.v, key_value_head * size, size, s.values);
                              pack_path_transposed<FloatPanels>(s.keys, path, size, s.keys_transposed);
                              pack_path<Panels>(s.values, path, size, s.values_panel);
                              group_forward<Panels>(a, segment, queries, key_value_head * group, group, path, s);
                            });
}

void forward(const AttentionForward& a, Context& context) {
#if HWY_TARGET == HWY_AVX3
  if (context.precision == DType::bfloat16) return forward_with<PairPanels>(a, context);
#endif
  forward_with<FloatPanels>(a, context);
}

int64_t scratch_floats(int64_t path, int64_t head_size) { return Scratch(nullptr, path, head_size, false).floats_used; }

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(scratch_floats);
void attention_forward(const AttentionForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
int64_t attention_forward_workspace(const WorkspaceRequest& request, int threads) {
  const int64_t floats = HWY_DYNAMIC_DISPATCH(scratch_floats)(request.longest_path, request.head_size);
  return floats * threads * static_cast<int64_t>(sizeof(float));
}
}  // namespace cheems::cpu
#endif
