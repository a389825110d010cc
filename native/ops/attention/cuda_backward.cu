// Tree attention, backward, on the tensor cores. Contract and formulas: ops/attention/attention.h.
//
// Three kernels, one after another:
//   attention_d_dot_context     D = rowsum(dcontext * context), float32, into the workspace
//   attention_backward_keys     dk, dv: a block has 64 keys and goes over all queries that see them, head by head of
//                               the group
//   attention_backward_queries  dq: a block has 64 queries and goes over the keys of their path, as the forward does
// Both large kernels recompute P = exp2(S - log_sum_exp) and dP = dcontext V^T: 4 products for dk and dv, 3 for dq,
// where a single kernel would need 5 in all. That is 14 * pairs * head_size FLOPs per query head against the floor of
// 10: 40 % more products, for a backward without atomics. Each number has one writer, which adds in a fixed order, so
// results repeat bit for bit. (FlashAttention-2 adds its dq with float atomics; its deterministic mode keeps a float32
// dq per key block and sums those.) Head sizes over 128 compute dk and dv in two passes (5 products instead of 4, see
// keys_kernel).
// Bytes: q and dcontext once per key tile and visible head, k and v once per query tile and head. All but the first of
// these reads come from L2.
//
// The keys' kernel computes the transposes, S^T = K Q^T and dP^T = V dcontext^T. A warp owns 16 keys; P^T and dS^T
// leave the accumulators as A fragments of dv += P^T dcontext and dk += dS^T Q, so only the staged tiles pass through
// shared memory. The descendants of a segment are one range of rows, so a shared prompt's keys collect from all answers
// in row order (QueryWalk). The query heads of a key/value head's group are summed in the same accumulators.
#include "ops/attention/cuda_common.cuh"
#include "ops/attention/cuda_launch.h"

namespace cheems::cuda::attention {
namespace {

// Blocks per SM; this bounds the registers that the compiler may use. Three blocks of queries of width 64 would cost a
// spill on sm_100.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000 && __CUDA_ARCH__ < 1100
constexpr int kWidestOfThree = 32;
#else
constexpr int kWidestOfThree = 64;
#endif

template <int D, int Keys>
struct QueriesShape {
  static constexpr int kColumns = D, kThreads = 128, kQueries = 64, kKeys = Keys;
  struct Shared {
    SharedTile<kQueries, D> q, d_context;
    struct {
      SharedTile<Keys, D> k, v;
    } stages[2];
  };
  static_assert(sizeof(Shared) <= 99 * 1024, "must fit compute capability 8.6");
};

// Of one pair: a product q . k becomes P, and dP becomes dS without the scale: p (dP - D), with a cap times its slope.
template <bool Capped>
__device__ __forceinline__ void differentiate(const Base2Scores& score, float& product, float& d_probability,
                                              float log_sum_exp, float d_dot_context) {
  float slope;
  product = fast_exp2(score.of<Capped>(product, slope) - log_sum_exp);
  d_probability = product * (d_probability - d_dot_context) * slope;
}

// One warp's 16 queries: s (products) becomes P, dp becomes dS.
template <bool Capped, int Keys>
__device__ __forceinline__ void differentiate_queries(float (&s)[1][Keys / 8][4], float (&dp)[1][Keys / 8][4],
                                                      const Base2Scores& score, const float (&log_sum_exp)[2],
                                                      const float (&d_dot_context)[2]) {
#pragma unroll
  for (int n = 0; n < Keys / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      differentiate<Capped>(score, s[0][n][i], dp[0][n][i], log_sum_exp[i / 2], d_dot_context[i / 2]);
  }
}

template <class Shape>
__global__ __launch_bounds__(Shape::kThreads,
                             Shape::kColumns <= kWidestOfThree ? 3 : 2) void queries_kernel(const Problem<bfloat16> p) {
  constexpr int kKeys = Shape::kKeys;
  auto& shared = shared_memory<typename Shape::Shared>();
  const QueryTile tile(p, p.tiles[blockIdx.x / p.num_heads]);
  const int head = blockIdx.x % p.num_heads, lane = threadIdx.x % 32;
  const int64_t key_column = static_cast<int64_t>(head / p.group) * p.head_size,
                column = static_cast<int64_t>(head) * p.head_size;

  PathRows path(p.tree.segments, tile.segment);
  const auto stage_keys = [&](int stage, int key_tile) {
    copy_path<Shape::kThreads>(shared.stages[stage].k, shared.stages[stage].v, path, key_tile * kKeys,
                               tile.last_position + 1, p.k + key_column, p.k_stride, p.v + key_column, p.v_stride,
                               p.head_size);
    cp_async_commit();
  };
  copy_rows<Shape::kThreads>(shared.q, p.q + tile.begin * p.q_stride + column, p.q_stride, tile.count, p.head_size);
  copy_rows<Shape::kThreads>(shared.d_context, p.d_context + tile.begin * p.d_context_stride + column,
                             p.d_context_stride, tile.count, p.head_size);
  const int first_tile = tile.first_key_tile(p, kKeys), last_tile = tile.last_position / kKeys;
  stage_keys(0, last_tile);

  const int first_row = threadIdx.x / 32 * 16;
  const int warp_first_position = tile.position(p, first_row), warp_last_position = tile.position(p, first_row + 15);
  float log_sum_exp[2], d_dot_context[2];
  int position[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = min(first_row + 8 * half + lane / 4, tile.count - 1);
    position[half] = tile.position(p, row);
    log_sum_exp[half] = kLog2E * p.log_sum_exp[(tile.begin + row) * p.log_sum_exp_stride + head];
    d_dot_context[half] = p.d_dot_context[static_cast<int64_t>(tile.begin + row) * p.num_heads + head];
  }
  const Base2Scores score(p);
  float dq[1][Shape::kColumns / 8][4] = {};
  for (int key_tile = last_tile, stage = 0; key_tile >= first_tile; --key_tile, stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();
    if (key_tile > first_tile) stage_keys(stage ^ 1, key_tile - 1);
    const int first_key = key_tile * kKeys;
    const bool in_sight = first_row < tile.count && first_key <= warp_last_position &&
                          (p.window == 0 || first_key + kKeys > warp_first_position - p.window + 1);
    if (!in_sight) continue;
    float s[1][kKeys / 8][4] = {}, dp[1][kKeys / 8][4] = {};
    multiply_transposed<1, kKeys>(s, shared.q, first_row, shared.stages[stage].k);
    multiply_transposed<1, kKeys>(dp, shared.d_context, first_row, shared.stages[stage].v);
    if (score.cap > 0) differentiate_queries<true, kKeys>(s, dp, score, log_sum_exp, d_dot_context);
    else differentiate_queries<false, kKeys>(s, dp, score, log_sum_exp, d_dot_context);
    if (first_key + kKeys - 1 > warp_first_position || (p.window > 0 && first_key <= warp_last_position - p.window)) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int distance = position[i / 2] - (first_key + 8 * n + lane % 4 * 2 + i % 2);
          if (distance < 0 || (p.window > 0 && distance >= p.window)) dp[0][n][i] = 0;
        }
      }
    }
    multiply_weights<1, kKeys>(dq, dp, shared.stages[stage].k);
  }
  if (first_row >= tile.count) return;
  const float scale[1][2] = {{p.scale, p.scale}};
  store_rows(shared.q, first_row, dq, scale, p.out + tile.begin * p.out_stride + column, p.out_stride, tile.count,
             p.head_size);
}

template <int D, int Queries>
struct KeysShape {
  static constexpr int kColumns = D, kThreads = 128, kKeys = 64, kQueries = Queries;
  static constexpr bool kTwoPasses = D > 128;
  struct Stage {
    SharedTile<Queries, D> q, d_context;
    alignas(8) float log_sum_exp[Queries];  // base 2; entries past the end: +inf, so that P = 0
    alignas(8) float d_dot_context[Queries];
    alignas(8) int row[Queries], position[Queries];
  };
  struct Shared {
    SharedTile<kKeys, D> k, v;
    Stage stages[2];
  };
  static_assert(sizeof(Shared) <= 99 * 1024, "must fit compute capability 8.6");
};

// What a query has besides its rows. Thread i < Queries loads that of query i of the walk's current tile into registers
// before the products of the previous tile, and stores it into the stage after them, so nobody waits for these loads.
struct QueryScalars {
  float log_sum_exp, d_dot_context;
  int row, position;
};
template <class Shape, class Walk>
__device__ __forceinline__ QueryScalars fetch_scalars(const Walk& walk, const Problem<bfloat16>& p) {
  QueryScalars scalars{};
  const int i = threadIdx.x, count = walk.end - walk.begin;
  if (i < Shape::kQueries) {
    const int query = walk.begin + min(i, count - 1);
    scalars.log_sum_exp = i < count ? kLog2E * p.log_sum_exp[query * p.log_sum_exp_stride + walk.head] : INFINITY;
    scalars.d_dot_context = p.d_dot_context[static_cast<int64_t>(query) * p.num_heads + walk.head];
    scalars.row = p.row_of(query);
    scalars.position = scalars.row + walk.position_shift;
  }
  return scalars;
}
template <class Shape>
__device__ __forceinline__ void store_scalars(typename Shape::Stage& stage, const QueryScalars& scalars) {
  const int i = threadIdx.x;
  if (i >= Shape::kQueries) return;
  stage.log_sum_exp[i] = scalars.log_sum_exp;
  stage.d_dot_context[i] = scalars.d_dot_context;
  stage.row[i] = scalars.row;
  stage.position[i] = scalars.position;
}

// Starts filling a stage with the rows of the walk's current tile of queries.
template <class Shape, class Walk>
__device__ __forceinline__ void copy_queries(typename Shape::Stage& stage, const Walk& walk,
                                             const Problem<bfloat16>& p) {
  const int64_t column = static_cast<int64_t>(walk.head) * p.head_size;
  const int count = min(Shape::kQueries, walk.end - walk.begin);
  copy_rows<Shape::kThreads>(stage.q, p.q + walk.begin * p.q_stride + column, p.q_stride, count, p.head_size);
  copy_rows<Shape::kThreads>(stage.d_context, p.d_context + walk.begin * p.d_context_stride + column,
                             p.d_context_stride, count, p.head_size);
}

// One warp's 16 keys: s (products K Q^T) becomes P^T, dp becomes dS^T.
template <bool Capped, class Shape>
__device__ __forceinline__ void differentiate_keys(float (&s)[1][Shape::kQueries / 8][4],
                                                   float (&dp)[1][Shape::kQueries / 8][4],
                                                   const typename Shape::Stage& stage, const Base2Scores& score) {
#pragma unroll
  for (int n = 0; n < Shape::kQueries / 8; ++n) {
    const auto log_sum_exp = load_vector<2>(stage.log_sum_exp + 8 * n + threadIdx.x % 4 * 2),
               d_dot_context = load_vector<2>(stage.d_dot_context + 8 * n + threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      differentiate<Capped>(score, s[0][n][i], dp[0][n][i], log_sum_exp.values[i % 2], d_dot_context.values[i % 2]);
  }
}

// Keys and queries that do not see each other get zeros. key_row tells which of the warp's 16 keys the lane holds.
template <class Shape>
__device__ __forceinline__ void mask_keys(float (&p)[1][Shape::kQueries / 8][4], float (&ds)[1][Shape::kQueries / 8][4],
                                          const typename Shape::Stage& stage, const int (&key_row)[2],
                                          const int (&key_position)[2], int window) {
#pragma unroll
  for (int n = 0; n < Shape::kQueries / 8; ++n) {
    const auto row = load_vector<2>(stage.row + 8 * n + threadIdx.x % 4 * 2),
               position = load_vector<2>(stage.position + 8 * n + threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool visible =
          row.values[i % 2] >= key_row[i / 2] && (window == 0 || position.values[i % 2] - key_position[i / 2] < window);
      if (!visible) p[0][n][i] = ds[0][n][i] = 0;
    }
  }
}

// Grid x: key tiles times key/value heads. For wide heads the accumulators of dk and dv do not fit into the registers
// together. Then grid y = 2: block y = 0 computes dv and block y = 1 dk.
template <class Shape>
__global__ __launch_bounds__(Shape::kThreads, 2) void keys_kernel(const Problem<bfloat16> p) {
  constexpr int kQueries = Shape::kQueries, kColumns = Shape::kColumns;
  auto& shared = shared_memory<typename Shape::Shared>();
  const int num_key_value_heads = p.num_heads / p.group;
  const TreeTile tile = p.tiles[blockIdx.x / num_key_value_heads];
  const int key_value_head = blockIdx.x % num_key_value_heads, lane = threadIdx.x % 32,
            first_key = threadIdx.x / 32 * 16, count = tile.end - tile.begin;
  const int64_t column = static_cast<int64_t>(key_value_head) * p.head_size;
  const bool key_pass = !Shape::kTwoPasses || blockIdx.y == 1, value_pass = !Shape::kTwoPasses || blockIdx.y == 0;

  copy_rows<Shape::kThreads>(shared.k, p.k + tile.begin * p.k_stride + column, p.k_stride, count, p.head_size);
  copy_rows<Shape::kThreads>(shared.v, p.v + tile.begin * p.v_stride + column, p.v_stride, count, p.head_size);
  QueryWalk<kQueries, bfloat16> walk(p, tile, key_value_head);
  if (!walk.done()) {
    copy_queries<Shape>(shared.stages[0], walk, p);
    store_scalars<Shape>(shared.stages[0], fetch_scalars<Shape>(walk, p));
  }
  cp_async_commit();

  const Segment& segment = p.tree.segments[tile.segment];
  const int key_row[2] = {tile.begin + first_key + lane / 4, tile.begin + first_key + lane / 4 + 8};
  const int key_position[2] = {key_row[0] + segment.position - segment.begin,
                               key_row[1] + segment.position - segment.begin};
  const Base2Scores score(p);
  float first[1][kColumns / 8][4] = {};                           // dk; with two passes, dv or dk
  float second[1][Shape::kTwoPasses ? 1 : kColumns / 8][4] = {};  // dv
  for (int stage = 0; !walk.done(); stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();
    const auto& queries = shared.stages[stage];
    walk.advance();
    QueryScalars next{};
    if (!walk.done()) {
      copy_queries<Shape>(shared.stages[stage ^ 1], walk, p);
      cp_async_commit();
      next = fetch_scalars<Shape>(walk, p);
    }
    if (first_key < count) {
      float s[1][kQueries / 8][4] = {}, dp[1][kQueries / 8][4] = {};
      multiply_transposed<1, kQueries>(s, shared.k, first_key, queries.q);
      if (key_pass) multiply_transposed<1, kQueries>(dp, shared.v, first_key, queries.d_context);
      if (score.cap > 0) differentiate_keys<true, Shape>(s, dp, queries, score);
      else differentiate_keys<false, Shape>(s, dp, queries, score);
      if (p.window > 0 || queries.row[0] < tile.begin + first_key + 15)
        mask_keys<Shape>(s, dp, queries, key_row, key_position, p.window);
      if constexpr (Shape::kTwoPasses) {
        if (key_pass) multiply_weights<1, kQueries>(first, dp, queries.q);
        else multiply_weights<1, kQueries>(first, s, queries.d_context);
      } else {
        multiply_weights<1, kQueries>(second, s, queries.d_context);
        multiply_weights<1, kQueries>(first, dp, queries.q);
      }
    }
    if (!walk.done()) store_scalars<Shape>(shared.stages[stage ^ 1], next);
  }
  cp_async_wait<0>();
  __syncthreads();  // also if no query sees these keys: their tiles are overwritten next
  if (first_key >= count) return;
  const float scale[1][2] = {{p.scale, p.scale}}, one[1][2] = {{1, 1}};
  if (key_pass)
    store_rows(shared.k, first_key, first, scale, p.dk + tile.begin * p.dk_stride + column, p.dk_stride, count,
               p.head_size);
  if constexpr (Shape::kTwoPasses) {
    if (value_pass)
      store_rows(shared.v, first_key, first, one, p.dv + tile.begin * p.dv_stride + column, p.dv_stride, count,
                 p.head_size);
  } else {
    store_rows(shared.v, first_key, second, one, p.dv + tile.begin * p.dv_stride + column, p.dv_stride, count,
               p.head_size);
  }
}

constexpr int kDotThreads = 128;

// D of each query and head: `lanes` lanes (a power of two, at most a warp) over its head_size columns, Width at a time.
template <class T, int Width>
__global__ __launch_bounds__(kDotThreads) void d_dot_context_kernel(const Problem<T> p, int64_t pairs, int lanes) {
  const int64_t pair = (static_cast<int64_t>(blockIdx.x) * kDotThreads + threadIdx.x) / lanes;
  const int lane = threadIdx.x % lanes;
  float sum = 0;
  if (pair < pairs) {
    const int64_t query = pair / p.num_heads, column = pair % p.num_heads * p.head_size;
    const T *a = p.d_context + query * p.d_context_stride + column, *b = p.context + query * p.context_stride + column;
    for (int i = lane * Width; i < p.head_size; i += lanes * Width) {
      if constexpr (Width == 1) {
        sum += to_float(a[i]) * to_float(b[i]);
      } else {
        const auto x = load_vector<Width>(a + i), y = load_vector<Width>(b + i);
#pragma unroll
        for (int c = 0; c < Width; ++c) sum += to_float(x.values[c]) * to_float(y.values[c]);
      }
    }
  }
  for (int offset = lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kWholeWarp, sum, offset);
  if (pair < pairs && lane == 0) p.d_dot_context[pair] = sum;
}

template <class T, int Width>
void launch_d_dot_context(const Problem<T>& p, int64_t queries, Context& context) {
  int lanes = 1;
  while (lanes < 32 && lanes * Width < p.head_size) lanes *= 2;
  const int64_t pairs = queries * p.num_heads;
  launch("attention_d_dot_context", d_dot_context_kernel<T, Width>, Grid{divide_up(pairs * lanes, kDotThreads), 1, 1},
         kDotThreads, 0, context.stream, p, pairs, lanes);
}

template <class Queries, class Keys>
void launch_backward(Problem<bfloat16> p, const AttentionBackward& a, Context& context) {
  const TileList query_tiles = context.query_tiles(*a.tree, a.query_rows, Queries::kQueries),
                 key_tiles = context.key_tiles(*a.tree, Keys::kKeys);
  p.tiles = key_tiles.tiles;
  launch("attention_backward_keys", keys_kernel<Keys>,
         Grid{int64_t{key_tiles.count} * (p.num_heads / p.group), Keys::kTwoPasses ? 2 : 1, 1}, Keys::kThreads,
         static_cast<int64_t>(sizeof(typename Keys::Shared)), context.stream, p);
  p.tiles = query_tiles.tiles;
  launch("attention_backward_queries", queries_kernel<Queries>, Grid{int64_t{query_tiles.count} * p.num_heads, 1, 1},
         Queries::kThreads, static_cast<int64_t>(sizeof(typename Queries::Shared)), context.stream, p);
}

template <class T, int Width>
Problem<T> backward_problem(const AttentionBackward& a, Context& context) {
  auto p = problem_of<T>(a, context);
  p.d_dot_context = reinterpret_cast<float*>(
      require_workspace(context, a.q.rows * p.num_heads * static_cast<int64_t>(sizeof(float)), "attention_backward"));
  launch_d_dot_context<T, Width>(p, a.q.rows, context);
  return p;
}

}  // namespace
}  // namespace cheems::cuda::attention

namespace cheems::cuda {

using namespace attention;

void attention_backward(const AttentionBackward& a, Context& context) {
  check_problem(a);
  if (a.k.rows == 0) return;
  if (a.q.dtype == DType::float32) return launch_generic_backward(backward_problem<float, 1>(a, context), a, context);
  if (!fits_tensor_cores(a)) return launch_generic_backward(backward_problem<bfloat16, 1>(a, context), a, context);
  const auto p = backward_problem<bfloat16, 8>(a, context);
  if (p.head_size <= 32) launch_backward<QueriesShape<32, 64>, KeysShape<32, 64>>(p, a, context);
  else if (p.head_size <= 64) launch_backward<QueriesShape<64, 64>, KeysShape<64, 64>>(p, a, context);
  else if (p.head_size <= 96) launch_backward<QueriesShape<96, 64>, KeysShape<96, 32>>(p, a, context);
  else if (p.head_size <= 128) launch_backward<QueriesShape<128, 32>, KeysShape<128, 32>>(p, a, context);
  else launch_backward<QueriesShape<256, 16>, KeysShape<256, 16>>(p, a, context);
}

}  // namespace cheems::cuda
