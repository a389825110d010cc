// Tree attention, forward, on the tensor cores. Contract: ops/attention/attention.h.
//
// Fused: scores, cap, mask, softmax and the weighted sum of values, in one pass over the keys (flash form, Dao et al.
// 2022): no score leaves the registers. Softmax runs online in base 2; m and l are a row's maximum and sum so far.
// Floor: 4 * pairs * head_size FLOPs per query head. Bytes: q and context once (2 * head_size each per query and head),
// k and v once per tile of 128 queries and head (neighboring blocks compute the heads of one group, so they find k and
// v in L2). Head sizes between the instantiated ones are padded with zeros: 80 costs what 96 does.
//
// A block has the 128 queries (64 for head sizes over 128) of one tile of one segment, and one head. Its keys are the
// path of that segment in tiles of 64 (32) *positions*, from the queries' own back to the root or the window's end. A
// tile of positions may span several segments: PathRows finds the rows. So a query meets the same numbers in the same
// order however its path is cut into segments, and sharing changes no bit of its context.
//
// Warps share only the staged tiles: each has 16 or 32 queries and all their keys. Shared memory holds two stages of
// keys and values: cp.async fills one while the other is used. One barrier per tile. Per warp and tile:
//   S = Q K^T        A from shared Q, B from shared K (ldmatrix, 16 keys at once), accumulators 16 x 8
//   P = exp2(S - m)  in the accumulators; l += P, context *= exp2(m_old - m)
//   context += P V   the accumulators, rounded to bfloat16, are the A fragments; B from shared V (ldmatrix transposed)
#include "ops/attention/cuda_common.cuh"
#include "ops/attention/cuda_launch.h"

namespace cheems::cuda::attention {
namespace {

template <int D, int Warps, int RowBlocks, int Keys>
struct ForwardShape {
  static constexpr int kColumns = D, kThreads = 32 * Warps, kRowBlocks = RowBlocks, kKeys = Keys;
  static constexpr int kWarpRows = 16 * RowBlocks, kQueries = Warps * kWarpRows;
  static constexpr int kBlocks =
      D <= 32 ? 2 : 8 / Warps;  // per SM; this bounds the registers that the compiler may use
  struct Shared {
    SharedTile<kQueries, D> q;
    struct {
      SharedTile<Keys, D> k, v;
    } stages[2];
  };
  static_assert(sizeof(Shared) <= 99 * 1024, "must fit compute capability 8.6");
};

// What a warp keeps of its rows while it goes over the keys. For row block r, [r][0] is row g and [r][1] row g + 8.
template <class Shape>
struct ForwardRows {
  float context[Shape::kRowBlocks][Shape::kColumns / 8][4] = {};
  float max[Shape::kRowBlocks][2], sum[Shape::kRowBlocks][2];  // base-2 maximum; this lane's part of the sum
  int position[Shape::kRowBlocks][2];
};

// Products of queries and keys become scores.
template <bool Capped, class Shape>
__device__ __forceinline__ void score_products(float (&s)[Shape::kRowBlocks][Shape::kKeys / 8][4],
                                               const Base2Scores& score) {
#pragma unroll
  for (int r = 0; r < Shape::kRowBlocks; ++r) {
#pragma unroll
    for (int n = 0; n < Shape::kKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float slope;
        s[r][n][i] = score.of<Capped>(s[r][n][i], slope);
      }
    }
  }
}

// Scores of invisible keys become -inf; column 0 is the key at position first_key.
template <class Shape>
__device__ __forceinline__ void mask_scores(float (&s)[Shape::kRowBlocks][Shape::kKeys / 8][4],
                                            const ForwardRows<Shape>& rows, int first_key, int window) {
#pragma unroll
  for (int r = 0; r < Shape::kRowBlocks; ++r) {
#pragma unroll
    for (int n = 0; n < Shape::kKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int distance = rows.position[r][i / 2] - (first_key + 8 * n + threadIdx.x % 4 * 2 + i % 2);
        if (distance < 0 || (window > 0 && distance >= window)) s[r][n][i] = -INFINITY;
      }
    }
  }
}

// Scores become exp2(score - maximum); the sums and contexts so far are rescaled to the new maximum.
template <class Shape>
__device__ __forceinline__ void exponentiate(float (&s)[Shape::kRowBlocks][Shape::kKeys / 8][4],
                                             ForwardRows<Shape>& rows) {
#pragma unroll
  for (int r = 0; r < Shape::kRowBlocks; ++r) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float max = rows.max[r][half];
#pragma unroll
      for (int n = 0; n < Shape::kKeys / 8; ++n) max = fmaxf(max, fmaxf(s[r][n][2 * half], s[r][n][2 * half + 1]));
      max = fmaxf(max, __shfl_xor_sync(kWholeWarp, max, 1));
      max = fmaxf(max, __shfl_xor_sync(kWholeWarp, max, 2));
      const float shift = max == -INFINITY ? 0 : max;  // nothing seen yet: all terms are exp2(-inf) = 0
      const float correction = fast_exp2(rows.max[r][half] - shift);
      float sum = 0;
#pragma unroll
      for (int n = 0; n < Shape::kKeys / 8; ++n) {
        s[r][n][2 * half] = fast_exp2(s[r][n][2 * half] - shift);
        s[r][n][2 * half + 1] = fast_exp2(s[r][n][2 * half + 1] - shift);
        sum += s[r][n][2 * half] + s[r][n][2 * half + 1];
      }
      rows.max[r][half] = max;
      rows.sum[r][half] = rows.sum[r][half] * correction + sum;
#pragma unroll
      for (int n = 0; n < Shape::kColumns / 8; ++n) {
        rows.context[r][n][2 * half] *= correction;
        rows.context[r][n][2 * half + 1] *= correction;
      }
    }
  }
}

template <class Shape>
__global__ __launch_bounds__(Shape::kThreads, Shape::kBlocks) void forward_kernel(const Problem<bfloat16> p) {
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
  const int first_tile = tile.first_key_tile(p, kKeys), last_tile = tile.last_position / kKeys;
  stage_keys(0, last_tile);

  const int first_row = threadIdx.x / 32 * Shape::kWarpRows;
  const int warp_first_position = tile.position(p, first_row),
            warp_last_position = tile.position(p, first_row + Shape::kWarpRows - 1);
  ForwardRows<Shape> rows;
#pragma unroll
  for (int r = 0; r < Shape::kRowBlocks; ++r) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      rows.max[r][half] = -INFINITY;
      rows.sum[r][half] = 0;
      rows.position[r][half] = tile.position(p, first_row + 16 * r + 8 * half + lane / 4);
    }
  }
  const Base2Scores score(p);
  for (int key_tile = last_tile, stage = 0; key_tile >= first_tile; --key_tile, stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this stage is filled, and nobody reads the other one any more
    if (key_tile > first_tile) stage_keys(stage ^ 1, key_tile - 1);
    const int first_key = key_tile * kKeys;
    const bool in_sight = first_row < tile.count && first_key <= warp_last_position &&
                          (p.window == 0 || first_key + kKeys > warp_first_position - p.window + 1);
    if (!in_sight) continue;
    const bool masked =
        first_key + kKeys - 1 > warp_first_position || (p.window > 0 && first_key <= warp_last_position - p.window);
    float s[Shape::kRowBlocks][kKeys / 8][4] = {};
    multiply_transposed<Shape::kRowBlocks, kKeys>(s, shared.q, first_row, shared.stages[stage].k);
    if (score.cap > 0) score_products<true, Shape>(s, score);
    else score_products<false, Shape>(s, score);
    if (masked) mask_scores<Shape>(s, rows, first_key, p.window);
    exponentiate<Shape>(s, rows);
    multiply_weights<Shape::kRowBlocks, kKeys>(rows.context, s, shared.stages[stage].v);
  }

  if (first_row >= tile.count) return;
  float inverse[Shape::kRowBlocks][2];
#pragma unroll
  for (int r = 0; r < Shape::kRowBlocks; ++r) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = rows.sum[r][half];
      sum += __shfl_xor_sync(kWholeWarp, sum, 1);
      sum += __shfl_xor_sync(kWholeWarp, sum, 2);
      inverse[r][half] = 1 / sum;
      const int row = first_row + 16 * r + 8 * half + lane / 4;
      if (p.log_sum_exp && lane % 4 == 0 && row < tile.count)
        p.log_sum_exp[(tile.begin + row) * p.log_sum_exp_stride + head] = kLn2 * rows.max[r][half] + logf(sum);
    }
  }
  // A warp reads only its own rows of the shared queries, and it has finished with them.
  store_rows(shared.q, first_row, rows.context, inverse, p.out + tile.begin * p.out_stride + column, p.out_stride,
             tile.count, p.head_size);
}

// Head sizes from 97 to 128. bench/gpu_forward_shape.cu compiles this file with another one, to compare their times.
#ifndef CHEEMS_FORWARD_128
#define CHEEMS_FORWARD_128 ForwardShape<128, 8, 1, 64>
#endif

template <class Shape>
void launch_forward(Problem<bfloat16> p, const AttentionForward& a, Context& context) {
  const TileList tiles = context.query_tiles(*a.tree, a.query_rows, Shape::kQueries);
  p.tiles = tiles.tiles;
  launch("attention_forward", forward_kernel<Shape>, Grid{int64_t{tiles.count} * p.num_heads, 1, 1}, Shape::kThreads,
         static_cast<int64_t>(sizeof(typename Shape::Shared)), context.stream, p);
}

}  // namespace
}  // namespace cheems::cuda::attention

namespace cheems::cuda {

using namespace attention;

void attention_forward(const AttentionForward& a, Context& context) {
  check_problem(a);
  if (a.q.rows == 0) return;
  if (a.q.dtype == DType::float32) return launch_generic_forward(problem_of<float>(a, context), a, context);
  const auto p = problem_of<bfloat16>(a, context);
  if (!fits_tensor_cores(a)) return launch_generic_forward(p, a, context);
  if (p.head_size <= 32) launch_forward<ForwardShape<32, 8, 1, 64>>(p, a, context);
  else if (p.head_size <= 64) launch_forward<ForwardShape<64, 4, 2, 64>>(p, a, context);
  else if (p.head_size <= 96) launch_forward<ForwardShape<96, 8, 1, 64>>(p, a, context);
  else if (p.head_size <= 128) launch_forward<CHEEMS_FORWARD_128>(p, a, context);
  else launch_forward<ForwardShape<256, 4, 1, 32>>(p, a, context);
}

}  // namespace cheems::cuda
