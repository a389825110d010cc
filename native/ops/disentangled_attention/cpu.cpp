#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/disentangled_attention/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/matrix_tiles-inl.h"
#include "backends/cpu/elementary-inl.h"
#include "core/error.h"
#include "ops/disentangled_attention/disentangled_attention.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

// Queries of one head that are computed at once, a multiple of every target's tile rows; and keys whose relative
// products are added to their scores at once, so that the rows of both products stay in the L1 cache.
constexpr int64_t kQueryBlock = 48, kKeyBlock = 64;

// The scratch memory of one thread, cut from the workspace in one place so that its size is known before it is used.
struct Scratch {
  float *keys, *values;           // panels of K^T [head_size, tokens] and V [tokens, head_size]
  float *rel_keys, *rel_queries;  // panels of rel_k^T and rel_q^T [head_size, buckets]
  float* key_products;            // [tokens, buckets]: scale * k . rel_q
  float* query_products;          // [kQueryBlock, buckets]: scale * q . rel_k
  float* scores;                  // [kQueryBlock, tokens]
  float* packed;                  // one A panel, the deeper of tokens and head_size
  float* inverse_sums;            // [kQueryBlock]
  int64_t floats_used = 0;

  // With a null base, only counts.
  Scratch(float* base, int64_t tokens, int64_t head_size, int64_t buckets) {
    const int64_t padded = round_up(tokens, kTileColumns), wide = round_up(head_size, kTileColumns),
                  rel = round_up(buckets, kTileColumns);
    const auto take = [&](int64_t count) {
      float* at = base ? base + floats_used : nullptr;
      floats_used += round_up(count, 16);
      return at;
    };
    keys = take(padded * head_size);
    values = take(tokens * wide);
    rel_keys = take(rel * head_size);
    rel_queries = take(rel * head_size);
    key_products = take(tokens * rel);
    query_products = take(kQueryBlock * rel);
    scores = take(kQueryBlock * padded);
    packed = take(kTileRows * padded_depth(std::max(tokens, head_size)));
    inverse_sums = take(kQueryBlock);
  }
};

// Panels of B = rows^T, one per kTileColumns rows.
void pack_transposed(const float* rows, int64_t stride, int64_t count, int64_t head_size, float* panels) {
  for (int64_t j = 0; j < count; j += kTileColumns)
    pack_b_columns(rows + j * stride, stride, count - j, head_size, panels + j * head_size);
}

// out[rows, columns rounded up to panels] = scale * a[rows, depth] . panels
void multiply(const float* a, int64_t a_stride, int64_t rows, int64_t depth, float scale, const float* panels,
              int64_t columns, float* packed, float* out, int64_t out_stride) {
  for (int64_t i = 0; i < rows; i += kTileRows) {
    pack_a_rows(a + i * a_stride, a_stride, std::min(kTileRows, rows - i), depth, scale, packed, padded_depth(depth));
    for (int64_t j = 0; j < columns; j += kTileColumns) {
      tile(depth, packed, padded_depth(depth), panels + j * depth, {out + i * out_stride + j, out_stride}, rows - i,
           kTileColumns);
    }
  }
}

// scores[j] += query_products[m_j] + key_products[j, m_j] for `count` keys from some j on; m_j counts from
// `first_bucket`.
void add_relative(const int32_t* buckets, int32_t first_bucket, const float* query_products, const float* key_products,
                  int64_t rel, int64_t count, float* scores) {
  const Floats d;
  const hn::RebindToSigned<Floats> d_int;
  const auto first = hn::Set(d_int, first_bucket),
             row = hn::Mul(hn::Iota(d_int, 0), hn::Set(d_int, static_cast<int32_t>(rel)));
  int64_t j = 0;
  for (; j + kFloatLanes <= count; j += kFloatLanes) {
    const auto m = hn::Sub(hn::LoadU(d_int, buckets + j), first);
    const FloatVec relative =
        hn::Add(hn::GatherIndex(d, query_products, m), hn::GatherIndex(d, key_products + j * rel, hn::Add(m, row)));
    hn::StoreU(hn::Add(hn::LoadU(d, scores + j), relative), d, scores + j);
  }
  for (; j < count; ++j)
    scores[j] += query_products[buckets[j] - first_bucket] + key_products[j * rel + buckets[j] - first_bucket];
}

// Scores become exp(score - max); returns their sum.
double exponentiate_row(float* scores, int64_t count) {
  const Floats d;
  FloatVec highest = set(scores[0]);
  int64_t j = 0;
  for (; j + kFloatLanes <= count; j += kFloatLanes) highest = hn::Max(highest, hn::LoadU(d, scores + j));
  float max = largest_lane(highest);
  for (; j < count; ++j) max = std::max(max, scores[j]);
  const FloatVec shift = set(max);
  DoubleSum sum;
  for (j = 0; j < count; j += kFloatLanes) {
    FloatVec x = hn::Sub(load(scores + j, count - j), shift);
    if (j + kFloatLanes > count)
      x = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(count - j)), x, set(-200.0f));  // exp: 0 in float32
    const Widened e = exp(x);
    store(narrow(e), scores + j, count - j);
    sum.add(j, e);
  }
  return sum.total();
}

void scale_row(float* row, float factor, int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes)
    store(hn::Mul(set(factor), load(row + i, count - i)), row + i, count - i);
}

// One head of one sample.
void head_forward(const DisentangledAttentionForward& a, int64_t sample, int64_t column, const Scratch& s) {
  const Segment& segment = a.tree->segments[static_cast<size_t>(sample)];
  const int64_t tokens = segment.length, size = a.head_size, padded = round_up(tokens, kTileColumns);
  const int32_t* buckets = a.buckets + a.reach - 1;  // [j - i]
  const int32_t first_bucket = buckets[tokens - 1];
  const int64_t bucket_count = buckets[1 - tokens] - first_bucket + 1, rel = round_up(bucket_count, kTileColumns);
  const float* keys = floats(a.k) + segment.begin * a.k.stride + column;
  const float* values = floats(a.v) + segment.begin * a.v.stride + column;
  pack_transposed(keys, a.k.stride, tokens, size, s.keys);
  pack_transposed(floats(a.rel_k) + first_bucket * a.rel_k.stride + column, a.rel_k.stride, bucket_count, size,
                  s.rel_keys);
  pack_transposed(floats(a.rel_q) + first_bucket * a.rel_q.stride + column, a.rel_q.stride, bucket_count, size,
                  s.rel_queries);
  for (int64_t j = 0; j < size; j += kTileColumns)
    pack_b_rows(values + j, a.v.stride, size - j, tokens, s.values + j * tokens);
  multiply(keys, a.k.stride, tokens, size, a.scale, s.rel_queries, bucket_count, s.packed, s.key_products, rel);

  const int64_t queries = a.first_tokens_only ? 1 : tokens, first_query = a.first_tokens_only ? sample : segment.begin;
  for (int64_t begin = 0; begin < queries; begin += kQueryBlock) {
    const int64_t count = std::min(kQueryBlock, queries - begin);
    const float* q = floats(a.q) + (first_query + begin) * a.q.stride + column;
    float* context = floats(a.context) + (first_query + begin) * a.context.stride + column;
    multiply(q, a.q.stride, count, size, a.scale, s.keys, tokens, s.packed, s.scores, padded);
    multiply(q, a.q.stride, count, size, a.scale, s.rel_keys, bucket_count, s.packed, s.query_products, rel);
    for (int64_t j = 0; j < tokens; j += kKeyBlock) {
      for (int64_t i = 0; i < count; ++i) {
        add_relative(buckets + j - (begin + i), first_bucket, s.query_products + i * rel, s.key_products + j * rel, rel,
                     std::min(kKeyBlock, tokens - j), s.scores + i * padded + j);
      }
    }
    for (int64_t i = 0; i < count; ++i)
      s.inverse_sums[i] = static_cast<float>(1 / exponentiate_row(s.scores + i * padded, tokens));
    for (int64_t i = 0; i < count; i += kTileRows) {
      pack_a_rows(s.scores + i * padded, padded, std::min(kTileRows, count - i), tokens, 1.0f, s.packed,
                  padded_depth(tokens));
      for (int64_t j = 0; j < size; j += kTileColumns) {
        tile(tokens, s.packed, padded_depth(tokens), s.values + j * tokens,
             {context + i * a.context.stride + j, a.context.stride}, count - i, size - j);
      }
    }
    for (int64_t i = 0; i < count; ++i) scale_row(context + i * a.context.stride, s.inverse_sums[i], size);
  }
}

void forward(const DisentangledAttentionForward& a, Context& context) {
  const int64_t floats_per_thread = Scratch(nullptr, a.tree->longest_path, a.head_size, a.rel_k.rows).floats_used;
  context.pool.parallel_for(static_cast<int64_t>(a.tree->segments.size()) * a.num_heads, [&](int64_t task, int thread) {
    const Scratch scratch(reinterpret_cast<float*>(context.workspace) + thread * floats_per_thread,
                          a.tree->longest_path, a.head_size, a.rel_k.rows);
    head_forward(a, task / a.num_heads, task % a.num_heads * a.head_size, scratch);
  });
}

int64_t scratch_floats(int64_t tokens, int64_t head_size, int64_t buckets) {
  return Scratch(nullptr, tokens, head_size, buckets).floats_used;
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(scratch_floats);
void disentangled_attention_forward(const DisentangledAttentionForward& a, Context& context) {
  for (const Segment& segment : a.tree->segments) {
    if (segment.parent >= 0)
      fail("Bidirectional attention was given samples that share a prefix; this is a defect of the engine.");
  }
  HWY_DYNAMIC_DISPATCH(forward)(a, context);
}
int64_t disentangled_attention_forward_workspace(const WorkspaceRequest& request, int threads) {
  if (request.relative_buckets == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(scratch_floats)(request.longest_path, request.head_size, request.relative_buckets) *
         threads * static_cast<int64_t>(sizeof(float));
}
}  // namespace cheems::cpu
#endif
