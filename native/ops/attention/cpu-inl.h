// What the attention's forward and backward share on the CPU, once per SIMD target: packed panels of a path's keys and
// values, and blocks of scores.
#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/bfloat16_tiles-inl.h"
#include "backends/cpu/elementary-inl.h"
#include "backends/cpu/matrix_tiles-inl.h"
#include "ops/attention/attention.h"

#if defined(CHEEMS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHEEMS_ATTENTION_INL_H_
#undef CHEEMS_ATTENTION_INL_H_
#else
#define CHEEMS_ATTENTION_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {

// Queries of one head that are computed at once; a multiple of every target's tile rows.
constexpr int64_t kQueryBlock = 48;

// The queries of one segment: entries [begin, end) of the query list, at consecutive or scattered positions.
struct QueryRange {
  int64_t begin, end;
};

inline int64_t query_row(std::span<const int32_t> query_rows, int64_t query) {
  return query_rows.empty() ? query : query_rows[static_cast<size_t>(query)];
}

inline QueryRange queries_of(const Segment& segment, std::span<const int32_t> query_rows) {
  if (query_rows.empty()) return {segment.begin, segment.begin + segment.length};
  const auto first = std::lower_bound(query_rows.begin(), query_rows.end(), segment.begin);
  const auto last = std::lower_bound(first, query_rows.end(), segment.begin + segment.length);
  return {first - query_rows.begin(), last - query_rows.begin()};
}

// Calls visit(segment, first path position, tokens) for the segment and its ancestors.
template <class Visit>
void for_each_ancestor(const PackedTree& tree, int32_t segment, Visit visit) {
  for (int32_t s = segment; s >= 0; s = tree.segments[static_cast<size_t>(s)].parent)
    visit(tree.segments[static_cast<size_t>(s)]);
}

// The rows of a path, in the order of positions: to[position, head_size] from the columns at `offset`.
inline void gather_path(const PackedTree& tree, int32_t segment, const ConstTensor& from, int64_t offset,
                        int64_t head_size, float* to) {
  for_each_ancestor(tree, segment, [&](const Segment& s) {
    for (int64_t i = 0; i < s.length; ++i) {
      memcpy(to + (s.position + i) * head_size, floats(from) + (s.begin + i) * from.stride + offset,
             static_cast<size_t>(head_size) * sizeof(float));
    }
  });
}

// Panels, and what they are multiplied with, are float32 or pairs of bfloat16, told by the template parameter: see
// FloatPanels (backends/cpu/matrix_tiles-inl.h). A panel of depth d has Panels::units(d) rows of 4-byte numbers.
// Scores are always float32: exp turns an absolute error of a score, which may be large, into a relative one. Measured
// on a trained model, they are half of the square error of a reward in bfloat16.

// Panels of B = rows^T, [head_size, path]: for scores and for dP. One panel per kTileColumns positions.
template <class Panels>
void pack_path_transposed(const float* rows, int64_t path, int64_t head_size, float* panels) {
  for (int64_t j = 0; j < path; j += kTileColumns)
    Panels::pack_b_columns(rows + j * head_size, head_size, path - j, head_size, panels + j * Panels::units(head_size));
}

// Panels of B = rows, [path, head_size]: for contexts and for dq.
template <class Panels>
void pack_path(const float* rows, int64_t path, int64_t head_size, float* panels) {
  for (int64_t j = 0; j < head_size; j += kTileColumns)
    Panels::pack_b_rows(rows + j, head_size, head_size - j, path, panels + j * Panels::units(path));
}

// A block of queries of one head and the positions that it sees.
struct QueryBlock {
  int64_t begin, count;  // queries
  int64_t positions[kQueryBlock];
  int64_t first_key, end_key;  // positions visible to any of them; first_key is a multiple of kTileColumns

  int64_t first_visible(int64_t query, int64_t window) const {
    return window > 0 ? std::max<int64_t>(0, positions[query] - window + 1) : 0;
  }
};

inline QueryBlock query_block(const Segment& segment, std::span<const int32_t> query_rows, int64_t begin, int64_t end,
                              int64_t window) {
  QueryBlock block{begin, std::min(kQueryBlock, end - begin), {}, 0, 0};
  for (int64_t i = 0; i < block.count; ++i)
    block.positions[i] = query_row(query_rows, begin + i) - segment.begin + segment.position;
  block.first_key = block.first_visible(0, window) / kTileColumns * kTileColumns;
  block.end_key = block.positions[block.count - 1] + 1;
  return block;
}

// out[count, end_key - first_key] = scale * rows[count, head_size] . panels. Only tiles with a visible key are
// computed; the rest stays as it is. `stride` is the row stride of `out`; `packed` holds one A panel.
template <class Panels>
void score_block(const QueryBlock& block, const float* rows, int64_t rows_stride, float scale, int64_t head_size,
                 const float* panels, float* packed, float* out, int64_t stride) {
  for (int64_t i = 0; i < block.count; i += kTileRows) {
    const int64_t live = std::min(kTileRows, block.count - i);
    Panels::pack_a_rows(rows + i * rows_stride, rows_stride, live, head_size, scale, packed, Panels::units(head_size));
    const int64_t last_position = block.positions[i + live - 1];
    for (int64_t j = block.first_key; j <= last_position; j += kTileColumns) {
      // `out` has room for whole panels, so that every tile is full except for its rows.
      Panels::tile(head_size, packed, Panels::units(head_size), panels + j * Panels::units(head_size),
                   {out + i * stride + (j - block.first_key), stride}, live, kTileColumns, kChainDepth);
    }
  }
}

// out[i] (+)= scale * matrix[i, first_key .. positions[i]] . panels of a path: contexts from probabilities, dq from dS.
// Entries of `matrix` past each row's position are zero up to its tile's last position.
template <class Panels>
void weigh_block(const QueryBlock& block, const float* matrix, int64_t stride, float scale, int64_t head_size,
                 int64_t path, const float* panels, float* packed, float* out, int64_t out_stride) {
  for (int64_t i = 0; i < block.count; i += kTileRows) {
    const int64_t live = std::min(kTileRows, block.count - i);
    const int64_t depth = block.positions[i + live - 1] + 1 - block.first_key;
    // Chains begin at multiples of kChainDepth, whatever block a query is in, so that a position is always in the same
    // chain.
    const int64_t first_chain = kChainDepth - block.first_key % kChainDepth;
    Panels::pack_a_rows(matrix + i * stride, stride, live, depth, scale, packed, Panels::units(depth));
    for (int64_t j = 0; j < head_size; j += kTileColumns) {
      Panels::tile(depth, packed, Panels::units(depth),
                   panels + j * Panels::units(path) + Panels::units(block.first_key) * kTileColumns,
                   {out + i * out_stride + j, out_stride}, live, head_size - j, first_chain);
    }
  }
}

template <class Panels>
HWY_INLINE FloatVec exponential_of(FloatVec x) {
  if constexpr (Panels::kExactFunctions) return narrow(exp(x));
  else return float_exp(x);
}

// cap * tanh(score / cap), and its derivative 1 - tanh^2.
struct SoftCapped {
  FloatVec score, slope;
};
HWY_INLINE SoftCapped soft_capped(FloatVec score, float soft_cap) {
  const DoubleVec cap = set_double(soft_cap), one = set_double(1);
  Widened capped = widen(score), slope;
  for (int64_t part = 0; part < kDoubleParts; ++part) {
    const DoubleVec t = tanh(hn::Div(capped.part[part], cap));
    capped.part[part] = hn::Mul(cap, t), slope.part[part] = hn::NegMulAdd(t, t, one);
  }
  return {narrow(capped), narrow(slope)};
}

// The scratch memory of one thread, cut from the workspace in one place so that its size is known before it is used.
struct Scratch {
  float *keys, *values;                   // [path, head_size] gathered
  float *keys_transposed, *values_panel;  // packed: forward needs K^T and V, backward K^T, V^T and K
  float* keys_panel;
  float *scores, *d_scores;                // [kQueryBlock, path rounded up to panels]
  float* packed;                           // one A panel, the deeper of path and head_size
  float *d_keys, *d_values;                // [path, head_size]
  float *queries_panel, *d_context_panel;  // B panels of a query block
  float* row_terms;                        // [kQueryBlock]
  int64_t floats_used = 0;

  // With a null base, only counts.
  Scratch(float* base, int64_t path, int64_t head_size, bool backward) {
    const int64_t padded = round_up(path, kTileColumns), wide = round_up(head_size, kTileColumns);
    const auto take = [&](int64_t count) {
      float* at = base ? base + floats_used : nullptr;
      floats_used += round_up(count, 16);
      return at;
    };
    keys = take(path * head_size);
    values = take(path * head_size);
    keys_transposed = take(padded * head_size);
    values_panel = take(std::max(path * wide, padded * head_size));
    scores = take(kQueryBlock * padded);
    packed = take(kTileRows * std::max({padded, head_size, kQueryBlock}));
    row_terms = take(kQueryBlock);
    if (!backward) {
      keys_panel = d_scores = d_keys = d_values = queries_panel = d_context_panel = nullptr;
      return;
    }
    keys_panel = take(path * wide);
    d_scores = take(kQueryBlock * padded);
    d_keys = take(path * head_size);
    d_values = take(path * head_size);
    queries_panel = take(kQueryBlock * wide);
    d_context_panel = take(kQueryBlock * wide);
  }
};

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
