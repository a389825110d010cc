#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/cpu_backward.cpp"
#include "hwy/foreach_target.h"

#include "ops/attention/cpu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

// One row: scores become probabilities p = exp(s - log_sum_exp), and dP (in `d_scores`) becomes dS; zero outside
// [begin, end).
template <class Panels>
void differentiate_row(float* scores, float* d_scores, int64_t begin, int64_t end, int64_t padded_end,
                       float log_sum_exp, float d_dot_context, float soft_cap) {
  memset(scores, 0, static_cast<size_t>(begin) * sizeof(float));
  memset(d_scores, 0, static_cast<size_t>(begin) * sizeof(float));
  memset(scores + end, 0, static_cast<size_t>(padded_end - end) * sizeof(float));
  memset(d_scores + end, 0, static_cast<size_t>(padded_end - end) * sizeof(float));
  const FloatVec shift = set(log_sum_exp), pull = set(d_dot_context);
  for (int64_t j = begin; j < end; j += kFloatLanes) {
    const int64_t left = end - j;
    FloatVec score = load(scores + j, left), slope = set(1.0f);
    if (soft_cap > 0) {
      const SoftCapped capped = soft_capped(score, soft_cap);
      score = capped.score, slope = capped.slope;
    }
    const FloatVec p = exponential_of<Panels>(hn::Sub(score, shift));
    store(p, scores + j, left);
    store(hn::Mul(hn::Mul(p, hn::Sub(load(d_scores + j, left), pull)), slope), d_scores + j, left);
  }
}

// out[key] += sum over the block's queries of matrix[query, key] * rows[query], for the visible keys: dk from dS and
// the queries, dv from P and dcontext. `panels` holds the rows as B panels of depth block.count.
template <class Panels>
void gather_block(const QueryBlock& block, const float* matrix, int64_t stride, const float* panels, int64_t head_size,
                  float* packed, float* out) {
  int64_t first_query = 0;
  for (int64_t key = block.first_key; key < block.end_key; key += kTileRows) {
    // Queries before the key do not see it; a unit of the panels begins at the first one, or before.
    const auto last_of_unit = [&] { return std::min(first_query + Panels::kTermsPerUnit, block.count) - 1; };
    while (block.positions[last_of_unit()] < key) first_query += Panels::kTermsPerUnit;
    const int64_t live = std::min(kTileRows, block.end_key - key), depth = block.count - first_query;
    Panels::pack_a_columns(matrix + first_query * stride + (key - block.first_key), stride, live, depth, packed,
                           Panels::units(depth));
    float* at = out + key * head_size;
    for (int64_t j = 0; j < head_size; j += kTileColumns) {
      Panels::tile(depth, packed, Panels::units(depth),
                   panels + j * Panels::units(block.count) + Panels::units(first_query) * kTileColumns,
                   {at + j, head_size, /*accumulate=*/true}, live, head_size - j, kChainDepth);
    }
  }
}

template <class Panels>
void pack_block_rows(const float* rows, int64_t stride, int64_t count, int64_t head_size, float* panels) {
  for (int64_t j = 0; j < head_size; j += kTileColumns)
    Panels::pack_b_rows(rows + j, stride, head_size - j, count, panels + j * Panels::units(count));
}

template <class Panels>
void head_backward(const AttentionBackward& a, const Segment& segment, QueryRange queries, int64_t head, int64_t path,
                   const Scratch& s) {
  const auto& shape = a.shape;
  const int64_t size = shape.head_size;
  for (int64_t begin = queries.begin; begin < queries.end; begin += kQueryBlock) {
    const QueryBlock block = query_block(segment, a.query_rows, begin, queries.end, shape.window);
    const int64_t width = round_up(block.end_key - block.first_key, kTileColumns);
    const float* q = floats(a.q) + begin * a.q.stride + head * size;
    const float* d_context = floats(a.d_context) + begin * a.d_context.stride + head * size;
    score_block<FloatPanels>(block, q, a.q.stride, shape.scale, size, s.keys_transposed, s.packed, s.scores, width);
    score_block<Panels>(block, d_context, a.d_context.stride, 1.0f, size, s.values_panel, s.packed, s.d_scores, width);
    for (int64_t i = 0; i < block.count; ++i) {
      const float* context = floats(a.context) + (begin + i) * a.context.stride + head * size;
      differentiate_row<Panels>(
          s.scores + i * width, s.d_scores + i * width, block.first_visible(i, shape.window) - block.first_key,
          block.positions[i] + 1 - block.first_key, width,
          floats(a.log_sum_exp)[(begin + i) * a.log_sum_exp.stride + head],
          static_cast<float>(dot(d_context + i * a.d_context.stride, context, size)), shape.soft_cap);
    }
    weigh_block<Panels>(block, s.d_scores, width, shape.scale, size, path, s.keys_panel, s.packed,
                        floats(a.dq) + begin * a.dq.stride + head * size, a.dq.stride);
    pack_block_rows<Panels>(q, a.q.stride, block.count, size, s.queries_panel);
    pack_block_rows<Panels>(d_context, a.d_context.stride, block.count, size, s.d_context_panel);
    gather_block<Panels>(block, s.d_scores, width, s.queries_panel, size, s.packed, s.d_keys);
    gather_block<Panels>(block, s.scores, width, s.d_context_panel, size, s.packed, s.d_values);
  }
}

// Adds a path's gradients to the rows of its segments.
void scatter_path(const PackedTree& tree, int32_t segment, const float* from, float scale, int64_t head_size,
                  int64_t offset, const Tensor& to) {
  for_each_ancestor(tree, segment, [&](const Segment& part) {
    for (int64_t i = 0; i < part.length; ++i)
      add_scaled(scale, from + (part.position + i) * head_size, floats(to) + (part.begin + i) * to.stride + offset,
                 head_size);
  });
}

// One tree and one key/value head: no other thread writes these columns of dk and dv in this tree's rows.
template <class Panels>
void tree_backward(const AttentionBackward& a, int64_t tree_number, int64_t key_value_head, const Scratch& s) {
  const PackedTree& tree = *a.tree;
  const auto& shape = a.shape;
  const int64_t size = shape.head_size, offset = key_value_head * size,
                group = shape.num_heads / shape.num_key_value_heads;
  const int32_t first = tree.tree_begins[static_cast<size_t>(tree_number)],
                last = tree.tree_begins[static_cast<size_t>(tree_number) + 1];
  for (int32_t number = first; number < last; ++number) {
    const Segment& segment = tree.segments[static_cast<size_t>(number)];
    for (int64_t row = segment.begin; row < segment.begin + segment.length; ++row) {
      memset(floats(a.dk) + row * a.dk.stride + offset, 0, static_cast<size_t>(size) * sizeof(float));
      memset(floats(a.dv) + row * a.dv.stride + offset, 0, static_cast<size_t>(size) * sizeof(float));
    }
  }
  for (int32_t number = first; number < last; ++number) {
    const Segment& segment = tree.segments[static_cast<size_t>(number)];
    const QueryRange queries = queries_of(segment, a.query_rows);
    if (queries.begin == queries.end) continue;
    const int64_t path = segment.position + segment.length;
    gather_path(tree, number, a.k, offset, size, s.keys);
    gather_path(tree, number, a.v, offset, size, s.values);
    pack_path_transposed<FloatPanels>(s.keys, path, size, s.keys_transposed);
    pack_path_transposed<Panels>(s.values, path, size, s.values_panel);
    pack_path<Panels>(s.keys, path, size, s.keys_panel);
    memset(s.d_keys, 0, static_cast<size_t>(path * size) * sizeof(float));
    memset(s.d_values, 0, static_cast<size_t>(path * size) * sizeof(float));
    for (int64_t head = key_value_head * group; head < (key_value_head + 1) * group; ++head)
      head_backward<Panels>(a, segment, queries, head, path, s);
    scatter_path(tree, number, s.d_keys, shape.scale, size, offset, a.dk);
    scatter_path(tree, number, s.d_values, 1.0f, size, offset, a.dv);
  }
}

template <class Panels>
void backward_with(const AttentionBackward& a, Context& context) {
  const PackedTree& tree = *a.tree;
  const auto& shape = a.shape;
  const int64_t floats_per_thread = Scratch(nullptr, tree.longest_path, shape.head_size, true).floats_used;
  const auto trees = static_cast<int64_t>(tree.tree_begins.size()) - 1;
  context.pool.parallel_for(trees * shape.num_key_value_heads, [&](int64_t task, int thread) {
    const Scratch s(reinterpret_cast<float*>(context.workspace) + thread * floats_per_thread, tree.longest_path,
                    shape.head_size, true);
    tree_backward<Panels>(a, task / shape.num_key_value_heads, task % shape.num_key_value_heads, s);
  });
}

void backward(const AttentionBackward& a, Context& context) {
#if HWY_TARGET == HWY_AVX3
  if (context.precision == DType::bfloat16) return backward_with<PairPanels>(a, context);
#endif
  backward_with<FloatPanels>(a, context);
}

int64_t backward_scratch_floats(int64_t path, int64_t head_size) {
  return Scratch(nullptr, path, head_size, true).floats_used;
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(backward);
HWY_EXPORT(backward_scratch_floats);
void attention_backward(const AttentionBackward& a, Context& context) { HWY_DYNAMIC_DISPATCH(backward)(a, context); }
int64_t attention_backward_workspace(const WorkspaceRequest& request, int threads) {
  if (!request.backward) return 0;
  const int64_t floats = HWY_DYNAMIC_DISPATCH(backward_scratch_floats)(request.longest_path, request.head_size);
  return floats * threads * static_cast<int64_t>(sizeof(float));
}
}  // namespace cheems::cpu
#endif
