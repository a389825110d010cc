// DeBERTa's attention on CUDA, for every dtype and alignment. Contract:
// ops/disentangled_attention/disentangled_attention.h.
//
// Fused: content and relative scores, softmax (online, as in Dao et al. 2022) and the weighted sum of values, in one
// pass over the keys: no score leaves the block. Plain float32 multiply-adds: 12*pairs*head_size FLOPs per head instead
// of the contract's floor, since the relative products are computed per pair and not once per bucket. Nothing of the
// size [N, buckets] is stored.
//
// A block of 4 warps owns 16 queries of one sample and head, 4 per warp, and goes over the sample's keys in tiles of
// 32, one per lane. The relative positions of such a tile span 47 numbers, so at most 47 neighboring buckets: their
// rows of rel_k and rel_q are staged beside the keys. Tiles are widened to float32 in shared memory, in rows of an odd
// length, so that 32 lanes that read 32 rows use 32 banks; lanes in one bucket read one address. Per tile and warp:
//   scores   lane j: q . (k_j + rel_k[m]) + k_j . rel_q[m]
//   softmax  over the lanes
//   gather   lane c: context[row, c], context[row, c + 32] ... += p[row, j] * v[j, c], j in order; p passes through
//            shared memory
#include <algorithm>
#include <cmath>

#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "core/knobs.h"
#include "ops/disentangled_attention/disentangled_attention.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 128, kWarps = 4, kRows = 16, kWarpRows = 4, kTile = 32, kBuckets = kRows + kTile - 1;

template <class T>
struct Problem {
  const T *q, *k, *v, *rel_q, *rel_k;
  T* context;
  int64_t q_stride, k_stride, v_stride, rel_q_stride, rel_k_stride, context_stride;
  const int32_t* buckets;  // the entry of j - i = 0
  const TreeTile* tiles;   // null: query s is the first token of segment s
  const Segment* segments;
  int num_heads, head_size;
  float scale;
};

template <int D>
struct AttentionShared {
  float q[kRows][D];
  float k[kTile][D + 1], v[kTile][D + 1];
  float rel_k[kBuckets][D + 1], rel_q[kBuckets][D + 1];
  float weights[kRows][kTile];
};
static_assert(sizeof(AttentionShared<128>) <= 99 * 1024, "must fit compute capability 8.6");

// Rows [0, Rows) of a tile; those from `count` on become zeros. A warp copies one row at a time.
template <int Rows, int Stride, class T>
__device__ __forceinline__ void copy_rows(float (&to)[Rows][Stride], const T* from, int64_t stride, int count,
                                          int columns) {
  for (int row = static_cast<int>(threadIdx.x) / 32; row < Rows; row += kWarps) {
    for (int c = static_cast<int>(threadIdx.x) % 32; c < columns; c += 32)
      to[row][c] = row < count ? to_float(from[row * stride + c]) : 0.0f;
  }
}

// scores[r] = query first + r against the lane's key, with bucket[r] among the staged ones.
template <int D>
__device__ __forceinline__ void score_tile(float (&scores)[kWarpRows], const AttentionShared<D>& shared, int first,
                                           const int (&bucket)[kWarpRows], int columns) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) scores[r] = 0;
  for (int c = 0; c < columns; ++c) {
    const float key = shared.k[lane][c];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r)
      scores[r] += shared.q[first + r][c] * (key + shared.rel_k[bucket[r]][c]) + key * shared.rel_q[bucket[r]][c];
  }
}

// context[r][i] += sum_j weights[first + r][j] * v[j][lane + 32 i]. Reads what other lanes of the warp wrote.
template <int D>
__device__ __forceinline__ void weigh_tile(float (&context)[kWarpRows][D / 32], const AttentionShared<D>& shared,
                                           int first, int columns) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  __syncwarp();
  for (int j = 0; j < kTile; ++j) {
#pragma unroll
    for (int i = 0; i < D / 32; ++i) {
      if (lane + 32 * i >= columns) break;
      const float value = shared.v[j][lane + 32 * i];
#pragma unroll
      for (int r = 0; r < kWarpRows; ++r) context[r][i] += shared.weights[first + r][j] * value;
    }
  }
}

template <class T, int D>
__global__ void __launch_bounds__(kThreads) disentangled_attention_kernel(const Problem<T> p) {
  auto& shared = shared_memory<AttentionShared<D>>();
  const int number = blockIdx.x / p.num_heads, lane = static_cast<int>(threadIdx.x) % 32,
            first = static_cast<int>(threadIdx.x) / 32 * kWarpRows;
  const int64_t column = static_cast<int64_t>(blockIdx.x % p.num_heads) * p.head_size;
  const Segment& segment = p.segments[p.tiles ? p.tiles[number].segment : number];
  const int begin = p.tiles ? p.tiles[number].begin : number, count = p.tiles ? p.tiles[number].end - begin : 1;
  const int first_position = p.tiles ? begin - segment.begin : 0, last_position = first_position + count - 1;
  copy_rows(shared.q, p.q + begin * p.q_stride + column, p.q_stride, count, p.head_size);
  float max[kWarpRows], sum[kWarpRows], context[kWarpRows][D / 32] = {};
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) max[r] = -INFINITY, sum[r] = 0;
  for (int key = 0; key < segment.length; key += kTile) {
    const int keys = min(kTile, segment.length - key);
    // Buckets never ascend with key - query: the first is that of the last key and the first query.
    const int first_bucket = p.buckets[key + keys - 1 - first_position],
              buckets = p.buckets[key - last_position] - first_bucket + 1;
    const int64_t row = segment.begin + key;
    copy_rows(shared.k, p.k + row * p.k_stride + column, p.k_stride, keys, p.head_size);
    copy_rows(shared.v, p.v + row * p.v_stride + column, p.v_stride, keys, p.head_size);
    copy_rows(shared.rel_k, p.rel_k + first_bucket * p.rel_k_stride + column, p.rel_k_stride, buckets, p.head_size);
    copy_rows(shared.rel_q, p.rel_q + first_bucket * p.rel_q_stride + column, p.rel_q_stride, buckets, p.head_size);
    __syncthreads();
    int bucket[kWarpRows];
    float scores[kWarpRows];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r)
      bucket[r] = p.buckets[key + min(lane, keys - 1) - (first_position + min(first + r, count - 1))] - first_bucket;
    score_tile<D>(scores, shared, first, bucket, p.head_size);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      const float score = lane < keys ? p.scale * scores[r] : -INFINITY;
      const float highest = fmaxf(max[r], warp_max(score)), correction = expf(max[r] - highest),
                  weight = expf(score - highest);
      sum[r] = sum[r] * correction + warp_sum(weight);
      max[r] = highest;
#pragma unroll
      for (int i = 0; i < D / 32; ++i) context[r][i] *= correction;
      shared.weights[first + r][lane] = weight;
    }
    weigh_tile<D>(context, shared, first, p.head_size);
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    if (first + r >= count) break;
    T* to = p.context + (begin + first + r) * p.context_stride + column;
#pragma unroll
    for (int i = 0; i < D / 32; ++i) {
      if (lane + 32 * i < p.head_size) to[lane + 32 * i] = from_float<T>(context[r][i] / sum[r]);
    }
  }
}

template <class T, int D>
void launch_attention(const Problem<T>& p, int64_t tiles, Context& context) {
  launch("disentangled_attention", disentangled_attention_kernel<T, D>, Grid{tiles * p.num_heads}, kThreads,
         static_cast<int64_t>(sizeof(AttentionShared<D>)), context.stream, p);
}

void check(const DisentangledAttentionForward& a) {
  if (a.head_size > 128)
    fail("The CUDA backend's disentangled attention has kernels for head sizes up to 128, not for ", a.head_size,
         "; use the CPU backend (", knob("device", "cpu"), ") for this model.");
  for (const ConstTensor& tensor : {a.k, a.v, a.rel_q, a.rel_k, ConstTensor(a.context)})
    require_dtype(tensor, a.q.dtype, "A tensor of the disentangled attention");
  for (const Segment& segment : a.tree->segments) {
    if (segment.parent >= 0)
      fail("Bidirectional attention was given samples that share a prefix; this is a defect of the engine.");
  }
}

}  // namespace

void disentangled_attention_forward(const DisentangledAttentionForward& a, Context& context) {
  check(a);
  if (a.q.rows == 0) return;
  const DeviceTree& tree = context.device_tree(*a.tree);
  const TileList list =
      a.first_tokens_only ? TileList{nullptr, tree.num_segments} : context.query_tiles(*a.tree, {}, kRows);
  with_element_type(a.q.dtype, "The disentangled attention's queries", [&]<class T>() {
    const auto data = [](const ConstTensor& tensor) { return static_cast<const T*>(tensor.data); };
    const Problem<T> p{data(a.q),
                       data(a.k),
                       data(a.v),
                       data(a.rel_q),
                       data(a.rel_k),
                       static_cast<T*>(a.context.data),
                       a.q.stride,
                       a.k.stride,
                       a.v.stride,
                       a.rel_q.stride,
                       a.rel_k.stride,
                       a.context.stride,
                       a.buckets + a.reach - 1,
                       list.tiles,
                       tree.segments,
                       static_cast<int>(a.num_heads),
                       static_cast<int>(a.head_size),
                       a.scale};
    if (a.head_size <= 64) launch_attention<T, 64>(p, list.count, context);
    else launch_attention<T, 128>(p, list.count, context);
  });
}

}  // namespace cheems::cuda
