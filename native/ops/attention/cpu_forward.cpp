#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/cpu_forward.cpp"
#include "hwy/foreach_target.h"

#include "ops/attention/cpu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

// Scores [begin, end) of one row become exp(score - max); everything else up to `padded_end` becomes zero.
// Keys keep their lanes whatever block they are met in, so the sums have one order. Returns the sum and the maximum.
struct RowSum {
  float sum, max;
};
RowSum exponentiate_row(float* scores, int64_t begin, int64_t end, int64_t padded_end, float soft_cap) {
  memset(scores, 0, static_cast<size_t>(begin) * sizeof(float));
  memset(scores + end, 0, static_cast<size_t>(padded_end - end) * sizeof(float));
  if (soft_cap > 0) {
    const FloatVec cap = set(soft_cap), inverse = set(1 / soft_cap);
    for (int64_t j = begin; j < end; j += kFloatLanes) store(hn::Mul(cap, tanh(hn::Mul(load(scores + j, end - j), inverse))), scores + j, end - j);
  }
  const Floats d;
  FloatVec highest = set(scores[begin]);
  int64_t j = begin;
  for (; j + kFloatLanes <= end; j += kFloatLanes) highest = hn::Max(highest, hn::LoadU(d, scores + j));
  float max = hn::GetLane(hn::MaxOfLanes(d, highest));
  for (; j < end; ++j) max = std::max(max, scores[j]);
  const FloatVec shift = set(max);
  FloatVec sum = zero();
  for (j = begin / kFloatLanes * kFloatLanes; j < end; j += kFloatLanes) {
    // Whole aligned groups of lanes; those outside [begin, end) are masked to zero.
    const auto inside = hn::And(hn::FirstN(d, static_cast<size_t>(std::min(end - j, kFloatLanes))), hn::Not(hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(0, begin - j)))));
    const FloatVec e = hn::IfThenElseZero(inside, exp(hn::Sub(hn::LoadU(d, scores + j), shift)));
    hn::StoreU(e, d, scores + j);
    sum = hn::Add(sum, e);
  }
  return {sum_lanes(sum), max};
}

void scale_row(float* row, float factor, int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes) store(hn::Mul(set(factor), load(row + i, count - i)), row + i, count - i);
}

void head_forward(const AttentionForward& a, QueryRange queries, int64_t head, int64_t path, const Scratch& s) {
  const auto& shape = a.shape;
  const int64_t size = shape.head_size;
  for (int64_t begin = queries.begin; begin < queries.end; begin += kQueryBlock) {
    const QueryBlock block = query_block(*a.tree, a.query_rows, begin, queries.end, shape.window);
    const int64_t width = round_up(block.end_key - block.first_key, kTileColumns);
    score_block(block, floats(a.q) + begin * a.q.stride + head * size, a.q.stride, shape.scale, size, s.keys_transposed, s.packed, s.scores, width);
    float* context = floats(a.context) + begin * a.context.stride + head * size;
    for (int64_t i = 0; i < block.count; ++i) {
      const RowSum row = exponentiate_row(s.scores + i * width, block.first_visible(i, shape.window) - block.first_key, block.positions[i] + 1 - block.first_key, width, shape.soft_cap);
      s.row_terms[i] = 1 / row.sum;
      if (a.log_sum_exp) floats(a.log_sum_exp)[(begin + i) * a.log_sum_exp.stride + head] = row.max + std::log(row.sum);
    }
    weigh_block(block, s.scores, width, 1.0f, size, path, s.values_panel, s.packed, context, a.context.stride);
    for (int64_t i = 0; i < block.count; ++i) scale_row(context + i * a.context.stride, s.row_terms[i], size);
  }
}

void forward(const AttentionForward& a, Context& context) {
  const PackedTree& tree = *a.tree;
  const auto& shape = a.shape;
  const int64_t group = shape.num_heads / shape.num_key_value_heads, size = shape.head_size;
  const int64_t floats_per_thread = Scratch(nullptr, tree.longest_path, size, false).floats_used;
  context.pool.parallel_for(static_cast<int64_t>(tree.segments.size()) * shape.num_key_value_heads, [&](int64_t task, int thread) {
    const auto number = static_cast<int32_t>(task / shape.num_key_value_heads);
    const int64_t key_value_head = task % shape.num_key_value_heads;
    const Segment& segment = tree.segments[static_cast<size_t>(number)];
    const QueryRange queries = queries_of(segment, a.query_rows);
    if (queries.begin == queries.end) return;
    const Scratch s(reinterpret_cast<float*>(context.workspace) + thread * floats_per_thread, tree.longest_path, size, false);
    const int64_t path = segment.position + segment.length;
    gather_path(tree, number, a.k, key_value_head * size, size, s.keys);
    gather_path(tree, number, a.v, key_value_head * size, size, s.values);
    pack_path_transposed(s.keys, path, size, s.keys_transposed);
    pack_path(s.values, path, size, s.values_panel);
    for (int64_t head = key_value_head * group; head < (key_value_head + 1) * group; ++head) head_forward(a, queries, head, path, s);
  });
}

int64_t scratch_floats(int64_t path, int64_t head_size, bool backward) { return Scratch(nullptr, path, head_size, backward).floats_used; }

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(scratch_floats);
void attention_forward(const AttentionForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
int64_t attention_workspace(const WorkspaceRequest& request, int threads) {
  return HWY_DYNAMIC_DISPATCH(scratch_floats)(request.longest_path, request.head_size, request.backward) * threads * static_cast<int64_t>(sizeof(float));
}
}  // namespace cheems::cpu
#endif
