// What the attention kernels share: the description of the problem, scores in base 2, the walk along a path, and tiles
// of bfloat16 in shared memory with the tensor cores' products over them.
//
// Fragments of mma.m16n8k16, with g = lane / 4 and q = 2 * (lane % 4): an accumulator block d[4] holds rows g (d[0],
// d[1]) and g + 8 (d[2], d[3]) at columns q and q + 1. Two neighboring accumulator blocks, rounded to bfloat16, are one
// A fragment of 16 x 16, so that probabilities pass from one product to the next without leaving the registers.
#pragma once

#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "ops/attention/attention.h"

namespace cheems::cuda::attention {

constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;

// Matrices of T in device memory; strides in elements. Forward and backward use what they need.
template <class T>
struct Problem {
  const T *q, *k, *v, *context, *d_context;
  T *out, *dk, *dv;      // `out`: context (forward) or dq
  float* log_sum_exp;    // natural logarithm, of scaled scores; may be null in the forward pass
  float* d_dot_context;  // [Q, num_heads]: rowsum(dcontext * context) of each query and head
  int64_t q_stride, k_stride, v_stride, context_stride, d_context_stride, out_stride, dk_stride, dv_stride,
      log_sum_exp_stride;
  const TreeTile* tiles;
  DeviceTree tree;
  const int32_t* query_rows;        // null: query n is token row n
  const int32_t* segment_queries;   // [2 * segments], null where query_rows is: begin and end of each segment's queries
  int num_heads, group, head_size;  // group: query heads per key/value head
  int window;                       // 0: none
  float scale, soft_cap;

  __device__ __forceinline__ int row_of(int query) const { return query_rows ? query_rows[query] : query; }
};

// Scaled and capped scores times log2(e), so that exp(s - m) is exp2(s2 - m2). tanhf, not tanh.approx: an error of
// 2^-11 times a cap of 50 would be 2 % of a probability.
struct Base2Scores {
  float factor, cap;  // cap 0: score = factor * product; else cap * tanh(factor * product)

  template <class T>
  __device__ explicit Base2Scores(const Problem<T>& p)
      : factor(p.soft_cap > 0 ? p.scale / p.soft_cap : p.scale * kLog2E),
        cap(p.soft_cap > 0 ? p.soft_cap * kLog2E : 0) {}

  // The score, and the cap's slope there: 1 - tanh^2. Loops are written for both kinds; the branch is outside them.
  template <bool Capped>
  __device__ __forceinline__ float of(float product, float& slope) const {
    slope = 1;
    if constexpr (!Capped) return factor * product;
    const float t = tanhf(factor * product);
    slope = 1 - t * t;
    return cap * t;
  }
};

// The token rows of a path, read from its end: positions must not ascend from call to call. Only segment heads are
// read, so a path needs no list of its own, however deep the tree is.
class PathRows {
 public:
  __device__ __forceinline__ PathRows(const Segment* segments, int segment) : segments_(segments) { enter(segment); }
  __device__ __forceinline__ int operator()(int position) {
    while (position < first_) enter(parent_);
    return position + shift_;
  }

 private:
  __device__ __forceinline__ void enter(int segment) {
    const Segment& s = segments_[segment];
    first_ = s.position;
    shift_ = s.begin - s.position;
    parent_ = s.parent;
  }
  const Segment* segments_;
  int first_, shift_, parent_;
};

// The queries of one tile: entries of the query list, at ascending positions of one path.
struct QueryTile {
  int begin, count, segment;
  int position_shift;  // position = token row + shift
  int first_position, last_position;

  template <class T>
  __device__ __forceinline__ QueryTile(const Problem<T>& p, const TreeTile& tile)
      : begin(tile.begin), count(tile.end - tile.begin), segment(tile.segment) {
    const Segment& s = p.tree.segments[segment];
    position_shift = s.position - s.begin;
    first_position = p.row_of(begin) + position_shift;
    last_position = tile.last_row + position_shift;
  }
  // Of entry i; entries past the end have the last entry's position.
  template <class T>
  __device__ __forceinline__ int position(const Problem<T>& p, int i) const {
    return p.row_of(begin + min(i, count - 1)) + position_shift;
  }
  // The first tile of `keys` positions that holds a key visible to any query; the last is last_position / keys.
  template <class T>
  __device__ __forceinline__ int first_key_tile(const Problem<T>& p, int keys) const {
    return p.window > 0 ? max(0, first_position - p.window + 1) / keys : 0;
  }
};

// The queries that may see a key tile, in tiles of `Queries` entries: for each query head of the group, the descendants
// of the tile's segment, one range of rows; with a window, segment by segment, skipping those that cannot see it.
template <int Queries, class T>
class QueryWalk {
 public:
  int head, begin, end;    // the tile: entries [begin, min(begin + Queries, end)) of query head `head`
  int position_shift = 0;  // position = token row + shift; with a window only

  __device__ __forceinline__ QueryWalk(const Problem<T>& p, const TreeTile& tile, int key_value_head)
      : head(key_value_head * p.group),
        p_(p),
        tile_(tile),
        last_head_(head + p.group - 1),
        segment_(tile.segment),
        subtree_end_(p.tree.subtree_end[tile.segment]) {
    const Segment& s = p.tree.segments[tile.segment];
    last_key_position_ = tile.last_row + s.position - s.begin;
    enter();
    if (begin >= end) next_range();
  }
  __device__ __forceinline__ bool done() const { return head > last_head_; }
  __device__ __forceinline__ void advance() {
    begin += Queries;
    if (begin >= end) next_range();
  }

 private:
  // The first entry whose token row is at least `row`, among the entries of a segment.
  __device__ __forceinline__ int entry_at(int segment, int row) const {
    if (!p_.query_rows) return row;
    int low = p_.segment_queries[2 * segment], high = p_.segment_queries[2 * segment + 1];
    while (low < high) {
      const int middle = (low + high) / 2;
      if (p_.query_rows[middle] < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  __device__ __forceinline__ void enter() {
    const Segment& s = p_.tree.segments[segment_];
    begin = entry_at(segment_, segment_ == tile_.segment ? tile_.begin : s.begin);
    if (p_.window == 0) {
      end = p_.query_rows ? p_.segment_queries[2 * subtree_end_ - 1] : p_.tree.subtree_row_end[segment_];
    } else {  // queries up to position last_key_position + window - 1
      position_shift = s.position - s.begin;
      const int64_t visible = static_cast<int64_t>(last_key_position_) + p_.window - s.position;
      end = visible <= 0 ? begin
                         : entry_at(segment_, s.begin + static_cast<int>(min(visible, static_cast<int64_t>(s.length))));
    }
  }
  __device__ __forceinline__ void next_range() {
    do {
      if (p_.window == 0 || ++segment_ == subtree_end_) {
        segment_ = tile_.segment;
        if (++head > last_head_) return;
      }
      enter();
    } while (begin >= end);
  }

  const Problem<T>& p_;
  const TreeTile tile_;
  const int last_head_;
  int segment_;
  const int subtree_end_;
  int last_key_position_;
};

// A row-major tile of bfloat16 in shared memory. Its 16-byte chunks are laid out so that the eight rows of one ldmatrix
// phase, at one chunk column, use all 32 banks: chunks are rotated by XOR with the row if a row has a multiple of 8
// chunks; otherwise rows are padded to an odd number of chunks.
template <int Rows, int Columns>
struct alignas(16) SharedTile {
  static constexpr int kRows = Rows, kColumns = Columns, kChunks = Columns / 8;
  static constexpr bool kRotated = kChunks % 8 == 0;
  static constexpr int kStride = kRotated || kChunks % 2 == 1 ? Columns : Columns + 8;
  bfloat16 values[Rows * kStride];

  __device__ __forceinline__ bfloat16* at(int row, int chunk) {
    return values + row * kStride + (kRotated ? chunk ^ (row & 7) : chunk) * 8;
  }
  __device__ __forceinline__ const bfloat16* at(int row, int chunk) const {
    return const_cast<SharedTile*>(this)->at(row, chunk);
  }
};

// acc[16 * RowBlocks, Columns] += a[row ..., D] . b[Columns, D]^T. One warp; D is the tiles' width.
template <int RowBlocks, int Columns, class TileA, class TileB>
__device__ __forceinline__ void multiply_transposed(float (&acc)[RowBlocks][Columns / 8][4], const TileA& a, int row,
                                                    const TileB& b) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < TileA::kColumns / 16; ++k) {
    uint32_t rows[RowBlocks][4];
#pragma unroll
    for (int r = 0; r < RowBlocks; ++r) ldmatrix_x4(rows[r], a.at(row + 16 * r + lane % 16, 2 * k + lane / 16));
#pragma unroll
    for (int n = 0; n < Columns / 16; ++n) {
      uint32_t columns[4];
      ldmatrix_x4(columns, b.at(16 * n + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2));
      const uint32_t even[2] = {columns[0], columns[1]}, odd[2] = {columns[2], columns[3]};
#pragma unroll
      for (int r = 0; r < RowBlocks; ++r) {
        mma_m16n8k16(acc[r][2 * n], rows[r], even);
        mma_m16n8k16(acc[r][2 * n + 1], rows[r], odd);
      }
    }
  }
}

// acc[16 * RowBlocks, D] += weights[16 * RowBlocks, Depth] . b[Depth, D], the weights rounded to bfloat16. One warp.
template <int RowBlocks, int Depth, class TileB>
__device__ __forceinline__ void multiply_weights(float (&acc)[RowBlocks][TileB::kColumns / 8][4],
                                                 const float (&weights)[RowBlocks][Depth / 8][4], const TileB& b) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < Depth / 16; ++k) {
    uint32_t rows[RowBlocks][4];
#pragma unroll
    for (int r = 0; r < RowBlocks; ++r) {
      const auto &left = weights[r][2 * k], &right = weights[r][2 * k + 1];
      rows[r][0] = pack_bfloat16(left[0], left[1]);
      rows[r][1] = pack_bfloat16(left[2], left[3]);
      rows[r][2] = pack_bfloat16(right[0], right[1]);
      rows[r][3] = pack_bfloat16(right[2], right[3]);
    }
#pragma unroll
    for (int n = 0; n < TileB::kColumns / 16; ++n) {
      uint32_t columns[4];
      ldmatrix_x4_transposed(columns, b.at(16 * k + lane % 16, 2 * n + lane / 16));
      const uint32_t even[2] = {columns[0], columns[1]}, odd[2] = {columns[2], columns[3]};
#pragma unroll
      for (int r = 0; r < RowBlocks; ++r) {
        mma_m16n8k16(acc[r][2 * n], rows[r], even);
        mma_m16n8k16(acc[r][2 * n + 1], rows[r], odd);
      }
    }
  }
}

// Starts copying rows [0, count) of `from`, `stride` apart, into a tile; rows and columns past the ends become zeros.
template <int Threads, class Tile>
__device__ __forceinline__ void copy_rows(Tile& tile, const bfloat16* from, int64_t stride, int count, int columns) {
  for (int i = threadIdx.x; i < Tile::kRows * Tile::kChunks; i += Threads) {
    const int row = i / Tile::kChunks, chunk = i % Tile::kChunks;
    const bool valid = row < count && chunk * 8 < columns;
    cp_async_16(tile.at(row, chunk), valid ? from + row * stride + chunk * 8 : from, valid);
  }
}

// Starts copying the keys and values at positions [first, first + rows) of a path; those from `end` on become zeros.
// Over all its calls, each thread walks the path once, from the end down.
template <int Threads, class Tile>
__device__ __forceinline__ void copy_path(Tile& k_tile, Tile& v_tile, PathRows& path, int first, int end,
                                          const bfloat16* k, int64_t k_stride, const bfloat16* v, int64_t v_stride,
                                          int columns) {
  for (int i = threadIdx.x; i < Tile::kRows * Tile::kChunks; i += Threads) {
    const int row = Tile::kRows - 1 - i / Tile::kChunks, chunk = i % Tile::kChunks;
    const bool valid = first + row < end && chunk * 8 < columns;
    const int64_t token = valid ? path(first + row) : 0;
    cp_async_16(k_tile.at(row, chunk), valid ? k + token * k_stride + chunk * 8 : k, valid);
    cp_async_16(v_tile.at(row, chunk), valid ? v + token * v_stride + chunk * 8 : v, valid);
  }
}

// Writes a warp's 16 * RowBlocks rows, rounded to bfloat16, to to[row, columns] for rows below `count`. They pass
// through the warp's own rows of a shared tile, so that each row is written in whole 16-byte chunks.
template <int RowBlocks, class Tile>
__device__ __forceinline__ void store_rows(Tile& tile, int first, const float (&acc)[RowBlocks][Tile::kColumns / 8][4],
                                           const float (&factor)[RowBlocks][2], bfloat16* to, int64_t stride, int count,
                                           int columns) {
  const int lane = threadIdx.x % 32;
  __syncwarp();  // after the last reads of these rows
#pragma unroll
  for (int r = 0; r < RowBlocks; ++r) {
#pragma unroll
    for (int n = 0; n < Tile::kChunks; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        Vector<bfloat16, 2> pair;
        pair.values[0] = from_float<bfloat16>(acc[r][n][2 * half] * factor[r][half]);
        pair.values[1] = from_float<bfloat16>(acc[r][n][2 * half + 1] * factor[r][half]);
        store_vector(tile.at(first + 16 * r + lane / 4 + 8 * half, n) + lane % 4 * 2, pair);
      }
    }
  }
  __syncwarp();
  for (int i = lane; i < 16 * RowBlocks * Tile::kChunks; i += 32) {
    const int row = first + i / Tile::kChunks, chunk = i % Tile::kChunks;
    if (row < count && chunk * 8 < columns)
      store_vector(to + row * stride + chunk * 8, load_vector<8>(static_cast<const bfloat16*>(tile.at(row, chunk))));
  }
}

}  // namespace cheems::cuda::attention
