// Token embeddings on CUDA: a gather of rows with a scale, and its transpose without atomics.
//
// Forward. Fused: the scale; nothing else is left to fuse, since the rows go straight into the residual stream. Floor,
// e bytes per element: N*H*2e bytes (less if a token's row is still in the cache), 1 FLOP per element. A thread takes
// 16 bytes of four rows at once, so that four reads of unrelated table rows are in flight; a warp's accesses are
// consecutive.
//
// Backward: dtable[id] += scale * sum of dy over the rows with that id. Floor, e bytes of dy, g of dtable: N*H*e read
// and 2g per distinct id and column; 1 FLOP per element. The host has sorted the rows by token (batch/packed_tree.h).
// One block for each distinct token and 64 vectors of columns adds that token's rows in order, in float32 registers,
// and rounds once. The most common tokens of a text occur thousands of times: a run of more than 128 rows is cut into
// pieces of 128, which blocks of their own sum into float32 rows of the workspace; those are then added in order. Where
// pieces begin depends only on the run, so the same batch gives the same bits.
#include <algorithm>

#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/embedding/embedding.h"
#include "ops/embedding/cuda_pieces.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 64;      // divides the vectors of most hidden sizes
constexpr int kRowsAtOnce = 4;    // forward
constexpr int kRowsInFlight = 8;  // backward; divides 32

template <class A>
struct ForwardArguments {
  A* y;
  const A* table;
  const int32_t* tokens;
  int64_t y_stride, table_stride, rows, columns;
  uint32_t chunks;  // of columns
  float scale;
};

// Blocks in the order of the rows, the chunks of a group of rows one after another.
template <class A, int Width>
__global__ void __launch_bounds__(kThreads) embedding_forward_kernel(ForwardArguments<A> a) {
  const int64_t first = static_cast<int64_t>(blockIdx.x / a.chunks) * kRowsAtOnce;
  const int64_t column = (static_cast<int64_t>(blockIdx.x % a.chunks) * kThreads + threadIdx.x) * Width;
  if (column >= a.columns) return;
  Elements<A, Width> entries[kRowsAtOnce];
#pragma unroll
  for (int r = 0; r < kRowsAtOnce; ++r) {
    if (first + r < a.rows) entries[r] = load_elements<Width>(a.table + a.tokens[first + r] * a.table_stride + column);
  }
#pragma unroll
  for (int r = 0; r < kRowsAtOnce; ++r) {
    if (first + r >= a.rows) break;
    float y[Width];
#pragma unroll
    for (int i = 0; i < Width; ++i) y[i] = a.scale * to_float(entries[r].values[i]);
    store_floats(a.y + (first + r) * a.y_stride + column, y);
  }
}

template <class A, class G>
struct BackwardArguments {
  G* d_table;
  const A* dy;
  const int32_t *tokens, *order, *runs;
  float* partials;  // [pieces, columns]
  int64_t d_stride, dy_stride, columns;
  float scale;
};

// Runs of more than kEmbeddingPiece rows, as many as fit into a kernel's arguments.
struct LongRuns {
  static constexpr int kMost = 64;
  int32_t count = 0;
  int32_t begin[kMost], end[kMost], token[kMost];
  int32_t first_piece[kMost + 1] = {};
};

// sum += dy of the rows order[begin], …, order[end - 1], in that order. A warp reads 32 entries of the order at once
// and shares them among its lanes. So all its lanes must call; those beyond the last column pass active = false.
template <class A, class G, int Width>
__device__ __forceinline__ void add_rows(const BackwardArguments<A, G>& a, int32_t begin, int32_t end, int64_t column,
                                         bool active, float (&sum)[Width]) {
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % 32;
  for (int32_t first = begin; first < end; first += 32) {
    const int32_t count = min(end - first, 32), own = lane < count ? a.order[first + lane] : 0;
    for (int32_t i = 0; i < count; i += kRowsInFlight) {
      Elements<A, Width> rows[kRowsInFlight];
#pragma unroll
      for (int r = 0; r < kRowsInFlight; ++r) {
        if (i + r >= count) break;
        const int64_t row = __shfl_sync(kWholeWarp, own, i + r);
        if (active) rows[r] = load_elements<Width>(a.dy + row * a.dy_stride + column);
      }
#pragma unroll
      for (int r = 0; r < kRowsInFlight; ++r) {
        if (!active || i + r >= count) break;
#pragma unroll
        for (int j = 0; j < Width; ++j) sum[j] += to_float(rows[r].values[j]);
      }
    }
  }
}

template <class G, int Width>
__device__ __forceinline__ void accumulate(G* d, float scale, const float (&sum)[Width]) {
  float total[Width];
  load_floats(d, total);
#pragma unroll
  for (int i = 0; i < Width; ++i) total[i] += scale * sum[i];
  store_floats(d, total);
}

// Block (run, chunk of columns).
template <class A, class G, int Width>
__global__ void __launch_bounds__(kThreads) embedding_backward_kernel(BackwardArguments<A, G> a) {
  const int64_t column = (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x) * Width;
  const int32_t begin = a.runs[blockIdx.x], end = a.runs[blockIdx.x + 1];
  if (end - begin > kEmbeddingPiece) return;
  const bool active = column < a.columns;
  float sum[Width] = {};
  add_rows(a, begin, end, column, active, sum);
  if (active) accumulate(a.d_table + a.tokens[a.order[begin]] * a.d_stride + column, a.scale, sum);
}

// Block (piece, chunk of columns).
template <class A, class G, int Width>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_pieces_kernel(BackwardArguments<A, G> a, LongRuns long_runs) {
  const int64_t column = (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x) * Width;
  const bool active = column < a.columns;
  const auto piece = static_cast<int32_t>(blockIdx.x);
  int32_t run = 0;
  while (piece >= long_runs.first_piece[run + 1]) ++run;
  const int32_t begin =
      long_runs.begin[run] + (piece - long_runs.first_piece[run]) * static_cast<int32_t>(kEmbeddingPiece);
  float sum[Width] = {};
  add_rows(a, begin, min(begin + static_cast<int32_t>(kEmbeddingPiece), long_runs.end[run]), column, active, sum);
  if (active) store_floats(a.partials + piece * a.columns + column, sum);
}

// Block (long run, chunk of columns).
template <class A, class G, int Width>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_long_kernel(BackwardArguments<A, G> a, LongRuns long_runs) {
  const int64_t column = (static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x) * Width;
  if (column >= a.columns) return;
  float sum[Width] = {};
#pragma unroll 4
  for (int32_t piece = long_runs.first_piece[blockIdx.x]; piece < long_runs.first_piece[blockIdx.x + 1]; ++piece) {
    float part[Width];
    load_floats(a.partials + piece * a.columns + column, part);
#pragma unroll
    for (int i = 0; i < Width; ++i) sum[i] += part[i];
  }
  accumulate(a.d_table + long_runs.token[blockIdx.x] * a.d_stride + column, a.scale, sum);
}

// Launchers

template <class A, int Width>
void launch_forward(const EmbeddingForward& a, Context& context) {
  const int64_t chunks = divide_up(a.y.columns, kThreads * Width);
  const ForwardArguments<A> arguments{static_cast<A*>(a.y.data),
                                      static_cast<const A*>(a.table.data),
                                      context.device(a.tokens),
                                      a.y.stride,
                                      a.table.stride,
                                      a.y.rows,
                                      a.y.columns,
                                      static_cast<uint32_t>(chunks),
                                      a.scale};
  launch("embedding_forward", embedding_forward_kernel<A, Width>, Grid{divide_up(a.y.rows, kRowsAtOnce) * chunks},
         kThreads, 0, context.stream, arguments);
}

template <class A, class G, int Width>
void launch_long_runs(const BackwardArguments<A, G>& arguments, const LongRuns& long_runs, Context& context) {
  if (long_runs.count == 0) return;
  const int64_t pieces = long_runs.first_piece[long_runs.count],
                chunks = divide_up(arguments.columns, kThreads * Width);
  BackwardArguments<A, G> with_partials = arguments;
  const int64_t bytes = pieces * arguments.columns * static_cast<int64_t>(sizeof(float));
  with_partials.partials = reinterpret_cast<float*>(require_workspace(context, bytes, "embedding_backward"));
  launch("embedding_backward_pieces", embedding_backward_pieces_kernel<A, G, Width>, Grid{pieces, chunks}, kThreads, 0,
         context.stream, with_partials, long_runs);
  launch("embedding_backward_long", embedding_backward_long_kernel<A, G, Width>, Grid{long_runs.count, chunks},
         kThreads, 0, context.stream, with_partials, long_runs);
}

template <class A, class G, int Width>
void launch_backward(const EmbeddingBackward& a, Context& context) {
  const auto runs = static_cast<int64_t>(a.token_runs.size()) - 1;
  const BackwardArguments<A, G> arguments{static_cast<G*>(a.d_table.data),
                                          static_cast<const A*>(a.dy.data),
                                          context.device(a.tokens),
                                          context.device(a.token_order),
                                          context.device(a.token_runs),
                                          nullptr,
                                          a.d_table.stride,
                                          a.dy.stride,
                                          a.dy.columns,
                                          a.scale};
  const Grid grid{runs, divide_up(a.dy.columns, kThreads * Width)};
  launch("embedding_backward", embedding_backward_kernel<A, G, Width>, grid, kThreads, 0, context.stream, arguments);
  LongRuns long_runs;
  for (size_t run = 0; run < static_cast<size_t>(runs); ++run) {
    const int32_t begin = a.token_runs[run], end = a.token_runs[run + 1];
    if (end - begin <= kEmbeddingPiece) continue;
    const int32_t slot = long_runs.count++;
    long_runs.begin[slot] = begin, long_runs.end[slot] = end;
    long_runs.token[slot] = a.tokens[static_cast<size_t>(a.token_order[static_cast<size_t>(begin)])];
    long_runs.first_piece[slot + 1] =
        long_runs.first_piece[slot] + static_cast<int32_t>(divide_up(end - begin, kEmbeddingPiece));
    if (long_runs.count == LongRuns::kMost) {
      launch_long_runs<A, G, Width>(arguments, long_runs, context);
      long_runs = {};
    }
  }
  launch_long_runs<A, G, Width>(arguments, long_runs, context);
}

template <class A, class G>
void backward_of(const EmbeddingBackward& a, Context& context) {
  constexpr int kWidth = kCommonWidth<A, G>;
  if (vectors_fit(kWidth, a.d_table, a.dy)) {
    launch_backward<A, G, kWidth>(a, context);
  } else {
    launch_backward<A, G, 1>(a, context);
  }
}

}  // namespace

void embedding_forward(const EmbeddingForward& a, Context& context) {
  if (a.y.rows == 0) return;
  require_dtype(a.table, a.y.dtype, "The embedding's table");
  with_element_type(a.y.dtype, "The embedding's output", [&]<class A>() {
    if (vectors_fit(kVectorWidth<A>, a.y, a.table)) {
      launch_forward<A, kVectorWidth<A>>(a, context);
    } else {
      launch_forward<A, 1>(a, context);
    }
  });
}

void embedding_backward(const EmbeddingBackward& a, Context& context) {
  if (a.dy.rows == 0 || a.token_runs.size() < 2) return;
  if (a.d_table.dtype == DType::bfloat16) {
    require_dtype(a.dy, DType::bfloat16,
                  "The gradient of the embedding's output, beside a bfloat16 gradient of its table,");
    return backward_of<bfloat16, bfloat16>(a, context);
  }
  require_dtype(a.d_table, DType::float32, "The gradient of the embedding's table");
  with_element_type(a.dy.dtype, "The gradient of the embedding's output",
                    [&]<class A>() { backward_of<A, float>(a, context); });
}

}  // namespace cheems::cuda
