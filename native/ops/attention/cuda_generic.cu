// Tree attention for every case that the tensor core kernels do not take: float32, any head size up to 256, any
// alignment. Contract: ops/attention/attention.h. Plain float32 multiply-adds with the library's exp, log and tanh:
// exact enough to check the other kernels against.
//
// Floor: that of cuda_forward.cu and cuda_backward.cu, the same count of products, without tensor cores.
//
// One layout for all three kernels. A block of 4 warps owns 16 rows, 4 per warp, and goes over columns in tiles of 32,
// one per lane. Rows are queries and columns are visible keys; for dk and dv, rows are keys and columns are queries.
// Tiles are widened to float32 in shared memory, column tiles in rows of an odd length, so that 32 lanes that read 32
// rows use 32 banks. Per tile and warp:
//   products   lane j: rows . column j over the head's columns, in order
//   softmax    over the lanes (forward), or P from log_sum_exp (backward)
//   gather     lane c: out[row, c], out[row, c + 32] ... += weight[row, j] * tile[j, c], j in order; weights pass
//              through shared memory
// Key tiles are tiles of path positions, as in cuda_forward.cu, so that sharing changes no bit of the forward pass.
#include "core/knobs.h"
#include "ops/attention/cuda_common.cuh"
#include "ops/attention/cuda_launch.h"

namespace cheems::cuda::attention {
namespace {

constexpr int kThreads = 128, kWarps = 4, kRows = 16, kWarpRows = 4, kTile = 32;

template <int D>
using OwnRows = float[kRows][D];
template <int D>
using ColumnTile = float[kTile][D + 1];
using Weights = float[kRows][kTile];

// Lane `lane` of the calling warp copies its columns of one row; rows that are not there become zeros.
template <class T>
__device__ __forceinline__ void copy_row(float* to, const T* from, bool valid, int columns) {
  for (int c = threadIdx.x % 32; c < columns; c += 32) to[c] = valid ? to_float(from[c]) : 0;
}

template <int Rows, int Stride, class T>
__device__ __forceinline__ void copy_tile(float (&to)[Rows][Stride], const T* from, int64_t stride, int count,
                                          int columns) {
  for (int row = threadIdx.x / 32; row < Rows; row += kWarps)
    copy_row(to[row], from + row * stride, row < count, columns);
}

template <int D, class T>
__device__ __forceinline__ void copy_keys(ColumnTile<D>& k, ColumnTile<D>& v, PathRows& path, int first, int end,
                                          int64_t column, const Problem<T>& p) {
  for (int row = kTile - 1 - static_cast<int>(threadIdx.x) / 32; row >= 0; row -= kWarps) {
    const bool valid = first + row < end;
    const int64_t token = valid ? path(first + row) : 0;
    copy_row(k[row], p.k + token * p.k_stride + column, valid, p.head_size);
    copy_row(v[row], p.v + token * p.v_stride + column, valid, p.head_size);
  }
}

// products[r] = rows[first + r] . tile[lane]
template <int D>
__device__ __forceinline__ void multiply_columns(float (&products)[kWarpRows], const OwnRows<D>& rows, int first,
                                                 const ColumnTile<D>& tile, int columns) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) products[r] = 0;
  for (int c = 0; c < columns; ++c) {
    const float element = tile[lane][c];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) products[r] += rows[first + r][c] * element;
  }
}

// out[r][i] += sum_j weights[first + r][j] * tile[j][lane + 32 i]. Reads what other lanes of the warp wrote.
template <int D>
__device__ __forceinline__ void gather_columns(float (&out)[kWarpRows][D / 32], const Weights& weights, int first,
                                               const ColumnTile<D>& tile, int columns) {
  const int lane = threadIdx.x % 32;
  __syncwarp();
  for (int j = 0; j < kTile; ++j) {
    float weight[kWarpRows];
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) weight[r] = weights[first + r][j];
#pragma unroll
    for (int i = 0; i < D / 32; ++i) {
      if (lane + 32 * i >= columns) break;
      const float element = tile[j][lane + 32 * i];
#pragma unroll
      for (int r = 0; r < kWarpRows; ++r) out[r][i] += weight[r] * element;
    }
  }
  __syncwarp();
}

template <int D, class T>
__device__ __forceinline__ void write_row(T* to, const float (&row)[D / 32], float factor, int columns) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < D / 32; ++i) {
    if (lane + 32 * i < columns) to[lane + 32 * i] = from_float<T>(row[i] * factor);
  }
}

// The natural score of a product, and the slope of the cap at it.
template <class T>
__device__ __forceinline__ float score_of(const Problem<T>& p, float product, float& slope) {
  slope = 1;
  const float score = p.scale * product;
  if (p.soft_cap == 0) return score;
  const float t = tanhf(score / p.soft_cap);
  slope = 1 - t * t;
  return p.soft_cap * t;
}

template <class T>
__device__ __forceinline__ bool sees(const Problem<T>& p, int query_position, int key_position) {
  return key_position <= query_position && (p.window == 0 || query_position - key_position < p.window);
}

template <int D>
struct ForwardShared {
  OwnRows<D> q;
  ColumnTile<D> k, v;
  Weights weights;
};

template <class T, int D>
__global__ __launch_bounds__(kThreads, D <= 64 ? 4 : 2) void generic_forward_kernel(const Problem<T> p) {
  auto& shared = shared_memory<ForwardShared<D>>();
  const QueryTile tile(p, p.tiles[blockIdx.x / p.num_heads]);
  const int head = blockIdx.x % p.num_heads, lane = threadIdx.x % 32, first = threadIdx.x / 32 * kWarpRows;
  const int64_t column = static_cast<int64_t>(head) * p.head_size,
                key_column = static_cast<int64_t>(head / p.group) * p.head_size;
  copy_tile(shared.q, p.q + tile.begin * p.q_stride + column, p.q_stride, tile.count, p.head_size);
  PathRows path(p.tree.segments, tile.segment);
  float max[kWarpRows], sum[kWarpRows], out[kWarpRows][D / 32] = {};
  int position[kWarpRows];
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) max[r] = -INFINITY, sum[r] = 0, position[r] = tile.position(p, first + r);
  for (int key_tile = tile.last_position / kTile; key_tile >= tile.first_key_tile(p, kTile); --key_tile) {
    copy_keys<D>(shared.k, shared.v, path, key_tile * kTile, tile.last_position + 1, key_column, p);
    __syncthreads();
    float scores[kWarpRows];
    multiply_columns<D>(scores, shared.q, first, shared.k, p.head_size);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      float slope;
      const float score = sees(p, position[r], key_tile * kTile + lane) ? score_of(p, scores[r], slope) : -INFINITY;
      const float highest = fmaxf(max[r], warp_max(score)), shift = highest == -INFINITY ? 0 : highest;
      const float correction = expf(max[r] - shift), weight = expf(score - shift);
      sum[r] = sum[r] * correction + warp_sum(weight);
      max[r] = highest;
#pragma unroll
      for (int i = 0; i < D / 32; ++i) out[r][i] *= correction;
      shared.weights[first + r][lane] = weight;
    }
    gather_columns<D>(out, shared.weights, first, shared.v, p.head_size);
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    if (first + r >= tile.count) break;
    const int64_t query = tile.begin + first + r;
    write_row<D>(p.out + query * p.out_stride + column, out[r], 1 / sum[r], p.head_size);
    if (p.log_sum_exp && lane == 0) p.log_sum_exp[query * p.log_sum_exp_stride + head] = max[r] + logf(sum[r]);
  }
}

template <int D>
struct QueriesShared {
  OwnRows<D> q, d_context;
  ColumnTile<D> k, v;
  Weights weights;
};

template <class T, int D>
__global__ __launch_bounds__(kThreads, D <= 64 ? 4 : 2) void generic_queries_kernel(const Problem<T> p) {
  auto& shared = shared_memory<QueriesShared<D>>();
  const QueryTile tile(p, p.tiles[blockIdx.x / p.num_heads]);
  const int head = blockIdx.x % p.num_heads, lane = threadIdx.x % 32, first = threadIdx.x / 32 * kWarpRows;
  const int64_t column = static_cast<int64_t>(head) * p.head_size,
                key_column = static_cast<int64_t>(head / p.group) * p.head_size;
  copy_tile(shared.q, p.q + tile.begin * p.q_stride + column, p.q_stride, tile.count, p.head_size);
  copy_tile(shared.d_context, p.d_context + tile.begin * p.d_context_stride + column, p.d_context_stride, tile.count,
            p.head_size);
  PathRows path(p.tree.segments, tile.segment);
  float log_sum_exp[kWarpRows], d_dot_context[kWarpRows], dq[kWarpRows][D / 32] = {};
  int position[kWarpRows];
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    const int64_t query = tile.begin + min(first + r, tile.count - 1);
    log_sum_exp[r] = p.log_sum_exp[query * p.log_sum_exp_stride + head];
    d_dot_context[r] = p.d_dot_context[query * p.num_heads + head];
    position[r] = tile.position(p, first + r);
  }
  for (int key_tile = tile.last_position / kTile; key_tile >= tile.first_key_tile(p, kTile); --key_tile) {
    copy_keys<D>(shared.k, shared.v, path, key_tile * kTile, tile.last_position + 1, key_column, p);
    __syncthreads();
    float scores[kWarpRows], dp[kWarpRows];
    multiply_columns<D>(scores, shared.q, first, shared.k, p.head_size);
    multiply_columns<D>(dp, shared.d_context, first, shared.v, p.head_size);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      float slope;
      const float probability = expf(score_of(p, scores[r], slope) - log_sum_exp[r]);
      const bool visible = sees(p, position[r], key_tile * kTile + lane);
      shared.weights[first + r][lane] = visible ? probability * (dp[r] - d_dot_context[r]) * slope : 0;
    }
    gather_columns<D>(dq, shared.weights, first, shared.k, p.head_size);
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    if (first + r < tile.count)
      write_row<D>(p.out + (tile.begin + first + r) * p.out_stride + column, dq[r], p.scale, p.head_size);
  }
}

template <int D>
struct KeysShared {
  OwnRows<D> k, v;
  ColumnTile<D> q, d_context;
  Weights weights;  // P, then dS
};
static_assert(sizeof(KeysShared<256>) <= 99 * 1024 && sizeof(QueriesShared<256>) <= 99 * 1024,
              "must fit compute capability 8.6");

template <class T, int D>
__global__ __launch_bounds__(kThreads, D <= 64 ? 4 : 2) void generic_keys_kernel(const Problem<T> p) {
  auto& shared = shared_memory<KeysShared<D>>();
  const int num_key_value_heads = p.num_heads / p.group;
  const TreeTile tile = p.tiles[blockIdx.x / num_key_value_heads];
  const int key_value_head = blockIdx.x % num_key_value_heads, lane = threadIdx.x % 32,
            first = threadIdx.x / 32 * kWarpRows, count = tile.end - tile.begin;
  const int64_t key_column = static_cast<int64_t>(key_value_head) * p.head_size;
  const Segment& segment = p.tree.segments[tile.segment];
  const int position_shift = segment.position - segment.begin;
  copy_tile(shared.k, p.k + tile.begin * p.k_stride + key_column, p.k_stride, count, p.head_size);
  copy_tile(shared.v, p.v + tile.begin * p.v_stride + key_column, p.v_stride, count, p.head_size);
  float dk[kWarpRows][D / 32] = {}, dv[kWarpRows][D / 32] = {};
  for (QueryWalk<kTile, T> walk(p, tile, key_value_head); !walk.done(); walk.advance()) {
    const int queries = min(kTile, walk.end - walk.begin);
    const int64_t column = static_cast<int64_t>(walk.head) * p.head_size;
    copy_tile(shared.q, p.q + walk.begin * p.q_stride + column, p.q_stride, queries, p.head_size);
    copy_tile(shared.d_context, p.d_context + walk.begin * p.d_context_stride + column, p.d_context_stride, queries,
              p.head_size);
    const int64_t query = walk.begin + min(lane, queries - 1);
    const float log_sum_exp = p.log_sum_exp[query * p.log_sum_exp_stride + walk.head],
                d_dot_context = p.d_dot_context[query * p.num_heads + walk.head];
    const int row = p.row_of(static_cast<int>(query)), position = p.tree.positions[row];
    __syncthreads();
    float scores[kWarpRows], d_scores[kWarpRows];
    multiply_columns<D>(scores, shared.k, first, shared.q, p.head_size);
    multiply_columns<D>(d_scores, shared.v, first, shared.d_context, p.head_size);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      const int key_row = tile.begin + first + r;
      const bool visible =
          lane < queries && row >= key_row && (p.window == 0 || position - (key_row + position_shift) < p.window);
      float slope;
      const float probability = visible ? expf(score_of(p, scores[r], slope) - log_sum_exp) : 0;
      d_scores[r] = visible ? probability * (d_scores[r] - d_dot_context) * slope : 0;
      shared.weights[first + r][lane] = probability;
    }
    gather_columns<D>(dv, shared.weights, first, shared.d_context, p.head_size);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) shared.weights[first + r][lane] = d_scores[r];
    gather_columns<D>(dk, shared.weights, first, shared.q, p.head_size);
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    if (first + r >= count) break;
    const int64_t row = tile.begin + first + r;
    write_row<D>(p.dk + row * p.dk_stride + key_column, dk[r], p.scale, p.head_size);
    write_row<D>(p.dv + row * p.dv_stride + key_column, dv[r], 1, p.head_size);
  }
}

template <int D, class T>
void launch_forward(Problem<T> p, const AttentionForward& a, Context& context) {
  const TileList tiles = context.query_tiles(*a.tree, a.query_rows, kRows);
  p.tiles = tiles.tiles;
  launch("attention_generic_forward", generic_forward_kernel<T, D>, Grid{int64_t{tiles.count} * p.num_heads, 1, 1},
         kThreads, static_cast<int64_t>(sizeof(ForwardShared<D>)), context.stream, p);
}

template <int D, class T>
void launch_backward(Problem<T> p, const AttentionBackward& a, Context& context) {
  const TileList query_tiles = context.query_tiles(*a.tree, a.query_rows, kRows),
                 key_tiles = context.key_tiles(*a.tree, kRows);
  p.tiles = key_tiles.tiles;
  launch("attention_generic_backward_keys", generic_keys_kernel<T, D>,
         Grid{int64_t{key_tiles.count} * (p.num_heads / p.group), 1, 1}, kThreads,
         static_cast<int64_t>(sizeof(KeysShared<D>)), context.stream, p);
  p.tiles = query_tiles.tiles;
  launch("attention_generic_backward_queries", generic_queries_kernel<T, D>,
         Grid{int64_t{query_tiles.count} * p.num_heads, 1, 1}, kThreads, static_cast<int64_t>(sizeof(QueriesShared<D>)),
         context.stream, p);
}

void check_shape(const AttentionShape& shape, const ConstTensor& q, const ConstTensor& k, const ConstTensor& v) {
  if (shape.head_size < 1 || shape.head_size > 256)
    fail("The CUDA attention has kernels for head sizes up to 256, not for ", shape.head_size,
         "; use the CPU backend (", knob("device", "cpu"), ") for this model.");
  if (q.dtype == DType::float16 || k.dtype != q.dtype || v.dtype != q.dtype) {
    fail("The CUDA attention computes with queries, keys and values of one dtype, float32 or bfloat16, not with ",
         name(q.dtype), ", ", name(k.dtype), " and ", name(v.dtype), ".");
  }
}

// Rows of whole 16-byte chunks at 16-byte addresses, for the columns of every head.
bool in_chunks(const ConstTensor& t) { return reinterpret_cast<uintptr_t>(t.data) % 16 == 0 && t.stride % 8 == 0; }

// What both directions' problems hold.
template <class T, class Arguments>
Problem<T> shared_problem(const Arguments& a, Context& context) {
  Problem<T> p{};
  p.q = static_cast<const T*>(a.q.data), p.k = static_cast<const T*>(a.k.data), p.v = static_cast<const T*>(a.v.data);
  p.q_stride = a.q.stride, p.k_stride = a.k.stride, p.v_stride = a.v.stride;
  p.log_sum_exp_stride = a.log_sum_exp.stride;
  p.tree = context.device_tree(*a.tree);
  if (!a.query_rows.empty()) p.query_rows = context.device(a.query_rows);
  p.num_heads = static_cast<int>(a.shape.num_heads),
  p.group = static_cast<int>(a.shape.num_heads / a.shape.num_key_value_heads),
  p.head_size = static_cast<int>(a.shape.head_size);
  p.window = static_cast<int>(a.shape.window < a.tree->longest_path ? a.shape.window
                                                                    : 0);  // a window that holds every path is none
  p.scale = a.shape.scale, p.soft_cap = a.shape.soft_cap;
  return p;
}

}  // namespace

void check_problem(const AttentionForward& a) { check_shape(a.shape, a.q, a.k, a.v); }
void check_problem(const AttentionBackward& a) { check_shape(a.shape, a.q, a.k, a.v); }

bool fits_tensor_cores(const AttentionForward& a) {
  return a.shape.head_size % 8 == 0 && in_chunks(a.q) && in_chunks(a.k) && in_chunks(a.v) && in_chunks(a.context);
}
bool fits_tensor_cores(const AttentionBackward& a) {
  return a.shape.head_size % 8 == 0 && in_chunks(a.q) && in_chunks(a.k) && in_chunks(a.v) && in_chunks(a.context) &&
         in_chunks(a.d_context) && in_chunks(a.dq) && in_chunks(a.dk) && in_chunks(a.dv);
}

template <class T>
Problem<T> problem_of(const AttentionForward& a, Context& context) {
  Problem<T> p = shared_problem<T>(a, context);
  p.out = static_cast<T*>(a.context.data), p.out_stride = a.context.stride;
  p.log_sum_exp = static_cast<float*>(a.log_sum_exp.data);
  return p;
}

template <class T>
Problem<T> problem_of(const AttentionBackward& a, Context& context) {
  Problem<T> p = shared_problem<T>(a, context);
  p.context = static_cast<const T*>(a.context.data), p.context_stride = a.context.stride;
  p.d_context = static_cast<const T*>(a.d_context.data), p.d_context_stride = a.d_context.stride;
  p.log_sum_exp = const_cast<float*>(floats(a.log_sum_exp));  // only read
  p.out = static_cast<T*>(a.dq.data), p.out_stride = a.dq.stride;
  p.dk = static_cast<T*>(a.dk.data), p.dk_stride = a.dk.stride;
  p.dv = static_cast<T*>(a.dv.data), p.dv_stride = a.dv.stride;
  if (!a.query_rows.empty()) p.segment_queries = context.segment_queries(*a.tree, a.query_rows);
  return p;
}

template <class T>
void launch_generic_forward(const Problem<T>& p, const AttentionForward& a, Context& context) {
  if (p.head_size <= 64) launch_forward<64>(p, a, context);
  else launch_forward<256>(p, a, context);
}

template <class T>
void launch_generic_backward(const Problem<T>& p, const AttentionBackward& a, Context& context) {
  if (p.head_size <= 64) launch_backward<64>(p, a, context);
  else launch_backward<256>(p, a, context);
}

template Problem<float> problem_of(const AttentionForward&, Context&);
template Problem<bfloat16> problem_of(const AttentionForward&, Context&);
template Problem<float> problem_of(const AttentionBackward&, Context&);
template Problem<bfloat16> problem_of(const AttentionBackward&, Context&);
template void launch_generic_forward(const Problem<float>&, const AttentionForward&, Context&);
template void launch_generic_forward(const Problem<bfloat16>&, const AttentionForward&, Context&);
template void launch_generic_backward(const Problem<float>&, const AttentionBackward&, Context&);
template void launch_generic_backward(const Problem<bfloat16>&, const AttentionBackward&, Context&);

}  // namespace cheems::cuda::attention
