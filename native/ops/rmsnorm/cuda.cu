// RMSNorm on CUDA: forward, y recomputed from the kept r, and backward.
//
// Fused: forward computes r and y in one pass over x. Backward adds to dx in place; dx is the residual stream's
// gradient, so this kernel is the backward pass's residual addition. (The forward's residual addition is in the
// epilogue of the matrix product before it: ops/linear, `residual`. If a norm ends the branch, as in Gemma 2, it is
// fused here.) Floor, e bytes per element of x, f of y: forward and apply N*H*(e + f) + 4*N bytes (N*H*f more with a
// residual), about 4 FLOPs per element; backward N*H*(3e + f) + 4*N, about 9. Formulas: rmsnorm.h.
//
// Threads. A row belongs to a team: a warp for rows of up to 128 vectors (1024 bfloat16 numbers), else a whole block.
// Its size lets each thread keep two to eight vectors of 16 bytes of the row in registers; x and dy are read once. A
// block processes several rows, so that the weight, which it keeps in registers, and dweight, which it sums there, cost
// little in comparison. Teams are chosen by the width of the row, never by the number of rows: a row's bits do not
// depend on the batch.
//
// dweight. Each block sums over its own rows (their number depends on N alone) into one row of float32 partial sums in
// the workspace; partial_sums.cuh adds those in order. That is 8 more bytes per block and column: 1/R of the floor or
// less, for R rows per block. Rows of more than 1024 vectors keep their sums in shared memory and read the weight again
// (from the cache) for each row.
//
// Rows that are wider than 16 KiB x 4 or not aligned to 16 bytes take the plain kernels at the end: one block per row,
// element by element. They read x (and dy) twice, the second time from the cache.
#include <algorithm>

#include "backends/cuda/kernels.h"
#include "backends/cuda/partial_sums.cuh"
#include "backends/cuda/vector_access.cuh"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rmsnorm/cuda_blocks.h"

namespace cheems::cuda {
namespace {

constexpr int kPlainThreads = 256;

template <int Team>
constexpr int kBlockThreads = Team < 128 ? 128 : Team;

template <int Team>
struct TeamShared {
  float partials[kBlockThreads<Team> / 32];
};

// The sum over a row's team; all its threads receive it.
template <int Team>
__device__ __forceinline__ float team_sum(float value, float (&partials)[kBlockThreads<Team> / 32]) {
  if constexpr (Team == 32) {
    return warp_sum(value);
  } else {
    return block_sum<Team>(value, partials);
  }
}

template <class X, class Y>
struct ForwardArguments {
  Y* y;
  const X* x;
  float* inverse_rms;  // written by forward, read by apply
  const float* weight;
  const Y* residual;  // null: none
  int64_t y_stride, x_stride, residual_stride, rows, rows_per_block;
  int32_t columns;
  float epsilon, weight_offset;
};

// Forward, or with Given: apply. The two compute y from r by the same expression.
template <class X, class Y, int Team, int Vectors, bool Given>
__global__ void __launch_bounds__(kBlockThreads<Team>) rmsnorm_forward_kernel(ForwardArguments<X, Y> a) {
  constexpr int kWidth = kCommonWidth<X, Y>, kTeams = kBlockThreads<Team> / Team;
  auto& shared = shared_memory<TeamShared<Team>>();
  const int first_column = static_cast<int>(threadIdx.x) % Team * kWidth;
  float scale[Vectors][kWidth];
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    const int column = first_column + v * Team * kWidth;
    if (column >= a.columns) break;
    load_floats(a.weight + column, scale[v]);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) scale[v][i] += a.weight_offset;
  }
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * a.rows_per_block,
                end = min(begin + a.rows_per_block, a.rows);
  for (int64_t row = begin + static_cast<int>(threadIdx.x) / Team; row < end; row += kTeams) {
    Elements<X, kWidth> x[Vectors];
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      const int column = first_column + v * Team * kWidth;
      if (column < a.columns) x[v] = load_elements<kWidth>(a.x + row * a.x_stride + column);
    }
    float r;
    if constexpr (Given) {
      r = a.inverse_rms[row];
    } else {
      float squares = 0;
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
        if (first_column + v * Team * kWidth >= a.columns) break;
#pragma unroll
        for (int i = 0; i < kWidth; ++i) squares += to_float(x[v].values[i]) * to_float(x[v].values[i]);
      }
      r = 1.0f / sqrtf(team_sum<Team>(squares, shared.partials) / static_cast<float>(a.columns) + a.epsilon);
      if (first_column == 0) a.inverse_rms[row] = r;
    }
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      const int column = first_column + v * Team * kWidth;
      if (column >= a.columns) break;
      float y[kWidth];
#pragma unroll
      for (int i = 0; i < kWidth; ++i) y[i] = to_float(x[v].values[i]) * r * scale[v][i];
      if (a.residual) {
        float residual[kWidth];
        load_floats(a.residual + row * a.residual_stride + column, residual);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) y[i] += residual[i];
      }
      store_floats(a.y + row * a.y_stride + column, y);
    }
  }
}

template <class X, class Y>
struct BackwardArguments {
  X* dx;
  float* partials;  // [blocks, columns] of d_weight
  const Y* dy;
  const X* x;
  const float* inverse_rms;
  const float* weight;
  int64_t dx_stride, dy_stride, x_stride, rows, rows_per_block;
  int32_t columns;
  float weight_offset;
};

// Where d_weight is summed: the warps of a block add to it when their rows are done (Team 32), or each thread keeps its
// own columns' sums in it all along (Wide).
template <int Team, int Floats>
struct alignas(16) BackwardShared {
  float d_weight[Floats];
  float partials[kBlockThreads<Team> / 32];
};

template <int Team, int RowFloats, bool Wide>
constexpr int kSharedFloats = Wide         ? RowFloats
                              : Team == 32 ? kBlockThreads<Team> / Team* RowFloats
                                           : 4;

template <class X, class Y, int Team, int Vectors, bool Wide>
__global__ void __launch_bounds__(kBlockThreads<Team>) rmsnorm_backward_kernel(BackwardArguments<X, Y> a) {
  constexpr int kWidth = kCommonWidth<X, Y>, kTeams = kBlockThreads<Team> / Team, kKept = Wide ? 1 : Vectors;
  auto& shared = shared_memory<BackwardShared<Team, kSharedFloats<Team, Team * Vectors * kWidth, Wide>>>();
  const int team = static_cast<int>(threadIdx.x) / Team, first_column = static_cast<int>(threadIdx.x) % Team * kWidth;
  float scale[kKept][kWidth], d_weight[kKept][kWidth] = {};
  const auto load_scale = [&](int column, float(&values)[kWidth]) {
    load_floats(a.weight + column, values);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] += a.weight_offset;
  };
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    const int column = first_column + v * Team * kWidth;
    if (column >= a.columns) break;
    if constexpr (Wide) {
      store_floats(shared.d_weight + column, d_weight[0]);
    } else {
      load_scale(column, scale[v]);
    }
  }
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * a.rows_per_block,
                end = min(begin + a.rows_per_block, a.rows);
  for (int64_t row = begin + team; row < end; row += kTeams) {
    Elements<X, kWidth> x[Vectors];
    Elements<Y, kWidth> dy[Vectors];
    Elements<X, kWidth> dx[kKept];
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      const int column = first_column + v * Team * kWidth;
      if (column >= a.columns) break;
      x[v] = load_elements<kWidth>(a.x + row * a.x_stride + column);
      dy[v] = load_elements<kWidth>(a.dy + row * a.dy_stride + column);
      if constexpr (!Wide) dx[v] = load_elements<kWidth>(a.dx + row * a.dx_stride + column);
    }
    const float r = a.inverse_rms[row];
    float dot = 0;
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      const int column = first_column + v * Team * kWidth;
      if (column >= a.columns) break;
      if constexpr (Wide) load_scale(column, scale[0]);
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        dot += to_float(dy[v].values[i]) * scale[Wide ? 0 : v][i] * to_float(x[v].values[i]);
    }
    const float pull = team_sum<Team>(dot, shared.partials) / static_cast<float>(a.columns) * r * r;
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      const int column = first_column + v * Team * kWidth, kept = Wide ? 0 : v;
      if (column >= a.columns) break;
      if constexpr (Wide) {
        load_scale(column, scale[0]);
        dx[0] = load_elements<kWidth>(a.dx + row * a.dx_stride + column);
        load_floats(shared.d_weight + column, d_weight[0]);
      }
      float sum[kWidth];
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float x_i = to_float(x[v].values[i]), dy_i = to_float(dy[v].values[i]);
        sum[i] = to_float(dx[kept].values[i]) + r * (dy_i * scale[kept][i] - x_i * pull);
        d_weight[kept][i] += dy_i * (x_i * r);
      }
      store_floats(a.dx + row * a.dx_stride + column, sum);
      if constexpr (Wide) store_floats(shared.d_weight + column, d_weight[0]);
    }
  }
  float* partials = a.partials + static_cast<int64_t>(blockIdx.x) * a.columns;
  float* own = Team == 32 ? shared.d_weight + team * Team * Vectors * kWidth : partials;
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    const int column = first_column + v * Team * kWidth;
    if (column >= a.columns) break;
    if constexpr (Wide) load_floats(shared.d_weight + column, d_weight[0]);
    store_floats(own + column, d_weight[Wide ? 0 : v]);
  }
  if constexpr (Team == 32) {
    __syncthreads();
    for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kBlockThreads<Team>) {
      float sum = 0;
#pragma unroll
      for (int t = 0; t < kTeams; ++t) sum += shared.d_weight[t * Team * Vectors * kWidth + column];
      partials[column] = sum;
    }
  }
}

// The plain kernels, for any layout and width.

using PlainShared = TeamShared<kPlainThreads>;

template <class X, class Y, bool Given>
__global__ void __launch_bounds__(kPlainThreads) rmsnorm_forward_plain_kernel(ForwardArguments<X, Y> a) {
  auto& shared = shared_memory<PlainShared>();
  const int64_t row = blockIdx.x;
  const X* x = a.x + row * a.x_stride;
  float r;
  if constexpr (Given) {
    r = a.inverse_rms[row];
  } else {
    float squares = 0;
    for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kPlainThreads)
      squares += to_float(x[column]) * to_float(x[column]);
    r = 1.0f / sqrtf(block_sum<kPlainThreads>(squares, shared.partials) / static_cast<float>(a.columns) + a.epsilon);
    if (threadIdx.x == 0) a.inverse_rms[row] = r;
  }
  Y* y = a.y + row * a.y_stride;
  for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kPlainThreads) {
    const float normed = to_float(x[column]) * r * (a.weight[column] + a.weight_offset);
    y[column] = from_float<Y>(a.residual ? normed + to_float(a.residual[row * a.residual_stride + column]) : normed);
  }
}

// d_weight adds up in the block's row of partials, where each thread has its own columns.
template <class X, class Y>
__global__ void __launch_bounds__(kPlainThreads) rmsnorm_backward_plain_kernel(BackwardArguments<X, Y> a) {
  auto& shared = shared_memory<PlainShared>();
  float* d_weight = a.partials + static_cast<int64_t>(blockIdx.x) * a.columns;
  for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kPlainThreads) d_weight[column] = 0;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * a.rows_per_block,
                end = min(begin + a.rows_per_block, a.rows);
  for (int64_t row = begin; row < end; ++row) {
    const X* x = a.x + row * a.x_stride;
    const Y* dy = a.dy + row * a.dy_stride;
    X* dx = a.dx + row * a.dx_stride;
    const float r = a.inverse_rms[row];
    float dot = 0;
    for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kPlainThreads) {
      dot += to_float(dy[column]) * (a.weight[column] + a.weight_offset) * to_float(x[column]);
    }
    const float pull = block_sum<kPlainThreads>(dot, shared.partials) / static_cast<float>(a.columns) * r * r;
    for (int column = static_cast<int>(threadIdx.x); column < a.columns; column += kPlainThreads) {
      const float x_i = to_float(x[column]), dy_i = to_float(dy[column]);
      dx[column] = from_float<X>(to_float(dx[column]) + r * (dy_i * (a.weight[column] + a.weight_offset) - x_i * pull));
      d_weight[column] += dy_i * (x_i * r);
    }
  }
}

// Launchers

// Calls function<Team, Vectors>() with the team for a row of that many vectors; false if it is too wide for all of
// them.
template <int Width, class Function>
bool with_team(int64_t vectors, Function function) {
  if (vectors <= 128) {
    function.template operator()<32, 4>();
  } else if (vectors <= 256) {
    function.template operator()<128, 2>();
  } else if (vectors <= 512) {
    function.template operator()<256, 2>();
  } else if (vectors <= 1024) {
    function.template operator()<512, 2>();
  } else if (vectors <= 2048) {
    function.template operator()<512, 4>();
  } else if (Width <= 4 && vectors <= 4096) {
    function.template operator()<512, Width <= 4 ? 8 : 4>();
  } else {
    return false;
  }
  return true;
}

// As many blocks as keep every multiprocessor busy, each with an equal share of the rows.
template <class X, class Y, int Team, int Vectors, bool Given>
void launch_forward(const char* name, ForwardArguments<X, Y> a, Context& context) {
  constexpr int kThreads = kBlockThreads<Team>, kTeams = kThreads / Team, kThreadsPerMultiprocessor = 1024;
  a.rows_per_block = divide_up(a.rows, static_cast<int64_t>(context.multiprocessors) *
                                           (kThreadsPerMultiprocessor / kThreads) * kTeams) *
                     kTeams;
  const Grid grid{divide_up(a.rows, a.rows_per_block)};
  launch(name, rmsnorm_forward_kernel<X, Y, Team, Vectors, Given>, grid, kThreads, sizeof(TeamShared<Team>),
         context.stream, a);
}

template <bool Given, class X, class Y>
void forward_of(const char* name, const Tensor& y, const ConstTensor& x, const ConstTensor& weight,
                const ConstTensor& residual, ForwardArguments<X, Y> a, Context& context) {
  constexpr int kWidth = kCommonWidth<X, Y>;
  a.y = static_cast<Y*>(y.data), a.x = static_cast<const X*>(x.data), a.weight = floats(weight);
  a.y_stride = y.stride, a.x_stride = x.stride, a.rows = x.rows, a.columns = static_cast<int32_t>(x.columns);
  a.residual = static_cast<const Y*>(residual.data), a.residual_stride = residual.stride;
  if (residual) require_dtype(residual, y.dtype, "The residual of a norm's output");
  const bool done = vectors_fit(kWidth, y, x, residual) && vectors_fit(4, weight) &&
                    with_team<kWidth>(x.columns / kWidth, [&]<int Team, int Vectors>() {
                      launch_forward<X, Y, Team, Vectors, Given>(name, a, context);
                    });
  if (!done)
    launch(name, rmsnorm_forward_plain_kernel<X, Y, Given>, Grid{a.rows}, kPlainThreads, sizeof(PlainShared),
           context.stream, a);
}

// Calls function<X, Y>(): x in an activation's dtype, y or dy in the same or in float32.
template <class Function>
void with_types(DType x, DType y, Function function) {
  with_element_type(x, "The norm's input", [&]<class X>() {
    if (y == DType::float32) return function.template operator()<X, float>();
    if (y != x)
      fail("A norm's output on CUDA has its input's dtype or float32, not ", name(y), " beside ", name(x), ".");
    function.template operator()<X, X>();
  });
}

template <class X, class Y, int Team, int Vectors>
void launch_backward(const BackwardArguments<X, Y>& a, int64_t blocks, Context& context) {
  constexpr bool kWide = Team * Vectors > 1024;
  using Shared = BackwardShared<Team, kSharedFloats<Team, Team * Vectors * kCommonWidth<X, Y>, kWide>>;
  launch("rmsnorm_backward", rmsnorm_backward_kernel<X, Y, Team, Vectors, kWide>, Grid{blocks}, kBlockThreads<Team>,
         sizeof(Shared), context.stream, a);
}

template <class X, class Y>
void backward_of(const RmsNormBackward& a, Context& context) {
  constexpr int kWidth = kCommonWidth<X, Y>;
  const int64_t rows = a.x.rows, columns = a.x.columns, blocks = rmsnorm_blocks(rows);
  auto* partials = reinterpret_cast<float*>(
      require_workspace(context, blocks * columns * static_cast<int64_t>(sizeof(float)), "rmsnorm_backward"));
  const BackwardArguments<X, Y> arguments{static_cast<X*>(a.dx.data),
                                          partials,
                                          static_cast<const Y*>(a.dy.data),
                                          static_cast<const X*>(a.x.data),
                                          floats(a.inverse_rms),
                                          floats(a.weight),
                                          a.dx.stride,
                                          a.dy.stride,
                                          a.x.stride,
                                          rows,
                                          rmsnorm_rows_per_block(rows),
                                          static_cast<int32_t>(columns),
                                          a.weight_offset};
  const bool done = vectors_fit(kWidth, a.dx, a.dy, a.x) && vectors_fit(4, a.weight) &&
                    with_team<kWidth>(columns / kWidth, [&]<int Team, int Vectors>() {
                      launch_backward<X, Y, Team, Vectors>(arguments, blocks, context);
                    });
  if (!done)
    launch("rmsnorm_backward", rmsnorm_backward_plain_kernel<X, Y>, Grid{blocks}, kPlainThreads, sizeof(PlainShared),
           context.stream, arguments);
  if (!a.d_weight) return;
  add_partial_sums("rmsnorm_backward_weight", partials, blocks, columns, floats(a.d_weight), context);
}

}  // namespace

void rmsnorm_forward(const RmsNormForward& a, Context& context) {
  if (a.x.rows == 0) return;
  with_types(a.x.dtype, a.y.dtype, [&]<class X, class Y>() {
    ForwardArguments<X, Y> arguments{};
    arguments.inverse_rms = floats(a.inverse_rms), arguments.epsilon = a.epsilon,
    arguments.weight_offset = a.weight_offset;
    forward_of<false>("rmsnorm_forward", a.y, a.x, a.weight, a.residual, arguments, context);
  });
}

void rmsnorm_apply(const RmsNormApply& a, Context& context) {
  if (a.x.rows == 0) return;
  with_types(a.x.dtype, a.y.dtype, [&]<class X, class Y>() {
    ForwardArguments<X, Y> arguments{};
    arguments.inverse_rms = const_cast<float*>(floats(a.inverse_rms)),
    arguments.weight_offset = a.weight_offset;  // only read
    forward_of<true>("rmsnorm_apply", a.y, a.x, a.weight, {}, arguments, context);
  });
}

void rmsnorm_backward(const RmsNormBackward& a, Context& context) {
  if (a.x.rows == 0) return;
  require_dtype(a.dx, a.x.dtype, "The gradient of the norm's input");
  with_types(a.x.dtype, a.dy.dtype, [&]<class X, class Y>() { backward_of<X, Y>(a, context); });
}

}  // namespace cheems::cuda
