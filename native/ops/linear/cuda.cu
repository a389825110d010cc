// Linear layers: the products by cuBLASLt (backends/cuda/cublas_lt.h), with what would cost a pass over memory fused
// into them:
//   forward:         the residual is the product's C (beta = 1), the bias its epilogue: neither is a pass of its own.
//                    So of "QKV bias, q/k norm and rope" the bias costs no bytes here, and norm and rope are one kernel
//                    (ops/rope/cuda.cu).
//   backward input:  dx += by beta = 1
//   backward weight: dW += by beta = 1, straight into the float32 or bfloat16 gradient
// Operands are bfloat16 or float32 with float32 sums; float32 products are float32 throughout, without TF32. A bfloat16
// product takes its bias in bfloat16: a small kernel rounds it into the workspace first. The bits of a row depend on
// the number of rows, since cuBLASLt chooses by shape; the same call always gives the same bits.
//
// Three kernels are ours:
//   round_bias      bias to bfloat16. Floor: 6 bytes per column.
//   bias_gradient   dbias += sum over rows of dy. Floor: dy once, 2*N*out bytes in bfloat16, and N*out additions. A
//                   block sums kBiasRowsPerChunk rows of 256 (or 32) columns: a warp reads one row at a time, 8 (or 1)
//                   columns per lane; the 8 warps' sums are added in order in shared memory, and a second kernel adds
//                   the chunks in order.
//   tiled_product   for operands whose addresses or strides cuBLASLt has no algorithm for: any shape, any stride,
//                   float32 multiply-adds in the order of the inner index. 64 x 64 results per block, 4 x 4 per thread,
//                   16 inner indices at a time through shared memory. Correct, not fast: a model's own tensors come
//                   here only if its sizes are no multiples of 8. Each such product is counted and reported
//                   (slow_products.h).
// Floor of a product, e bytes per element: 2*N*in*out FLOPs, e*(N*in + in*out + N*out) bytes.
#include "backends/cuda/cublas_lt.h"
#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "backends/cuda/slow_products.h"
#include "ops/linear/linear.h"
#include "ops/linear/cuda_scratch.h"

namespace cheems::cuda {
namespace {

// ---------------------------------------------------------------------------------------------------------- kernels

constexpr int kRoundThreads = 256;

__global__ __launch_bounds__(kRoundThreads) void round_bias_kernel(bfloat16* to, const float* bias, int64_t columns) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kRoundThreads + threadIdx.x;
  if (i < columns) to[i] = from_float<bfloat16>(bias[i]);
}

constexpr int kSumWarps = 8;

template <int Width>
struct ColumnSumShared {
  float sums[kSumWarps][kWarpThreads * Width];
};

// partials[chunk, column] = sum of dy over the chunk's rows. Width columns per lane, in one vector if Width > 1.
template <class T, int Width>
__global__ __launch_bounds__(kSumWarps* kWarpThreads) void bias_gradient_kernel(float* partials, const T* dy,
                                                                                int64_t stride, int64_t rows,
                                                                                int64_t columns) {
  auto& shared = shared_memory<ColumnSumShared<Width>>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads, lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int64_t column = (static_cast<int64_t>(blockIdx.x) * kWarpThreads + lane) * Width;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * kBiasRowsPerChunk,
                end = begin + kBiasRowsPerChunk < rows ? begin + kBiasRowsPerChunk : rows;
  float sums[Width] = {};
  if (column < columns) {
    for (int64_t row = begin + warp; row < end; row += kSumWarps) {
      if constexpr (Width > 1) {
        const auto values = load_vector<Width>(dy + row * stride + column);
#pragma unroll
        for (int i = 0; i < Width; ++i) sums[i] += to_float(values.values[i]);
      } else {
        sums[0] += to_float(dy[row * stride + column]);
      }
    }
  }
  // Columns are consecutive over the lanes within each slot i: without bank conflicts.
#pragma unroll
  for (int i = 0; i < Width; ++i) shared.sums[warp][i * kWarpThreads + lane] = sums[i];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kWarpThreads * Width; i += kSumWarps * kWarpThreads) {
    float total = shared.sums[0][i];
#pragma unroll
    for (int w = 1; w < kSumWarps; ++w) total += shared.sums[w][i];
    const int64_t at = (static_cast<int64_t>(blockIdx.x) * kWarpThreads + i % kWarpThreads) * Width + i / kWarpThreads;
    if (at < columns) partials[static_cast<int64_t>(blockIdx.y) * columns + at] = total;
  }
}

constexpr int kAddThreads = 128;

__global__ __launch_bounds__(kAddThreads) void add_chunks_kernel(float* d_bias, const float* partials, int64_t chunks,
                                                                 int64_t columns) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kAddThreads + threadIdx.x;
  if (column >= columns) return;
  float total = d_bias[column];
  for (int64_t chunk = 0; chunk < chunks; ++chunk) total += partials[chunk * columns + column];
  d_bias[column] = total;
}

constexpr int kTile = 64, kTileDepth = 16, kTileThreads = 256;

// Rows of a tile are padded to two banks more than a multiple of 32: neither way of filling them has bank conflicts.
constexpr int kTileStride = kTile + 2;

struct ProductShared {
  float a[kTileDepth][kTileStride];
  float b[kTileDepth][kTileStride];
};

// One operand of tiled_product: element (outer, inner) lies at outer * outer_stride + inner * inner_stride, one of
// which is 1.
template <class T>
struct Operand {
  const T* data;
  int64_t outer_stride, inner_stride, outer;
};

// tile[k][i] = operand(first + i, inner + k), zero outside. Neighboring threads read neighboring addresses.
template <class T>
__device__ __forceinline__ void load_tile(float (&tile)[kTileDepth][kTileStride], const Operand<T>& operand,
                                          int64_t first, int64_t inner, int64_t inner_end) {
  for (int at = static_cast<int>(threadIdx.x); at < kTile * kTileDepth; at += kTileThreads) {
    const int i = operand.inner_stride == 1 ? at / kTileDepth : at % kTile,
              k = operand.inner_stride == 1 ? at % kTileDepth : at / kTile;
    const bool inside = first + i < operand.outer && inner + k < inner_end;
    tile[k][i] =
        inside ? to_float(operand.data[(first + i) * operand.outer_stride + (inner + k) * operand.inner_stride]) : 0.0f;
  }
}

template <class T, class R>
__global__ __launch_bounds__(kTileThreads) void tiled_product_kernel(R* d, int64_t d_stride, Operand<T> a, Operand<T> b,
                                                                     int64_t inner, const R* c, int64_t c_stride,
                                                                     const float* bias) {
  auto& shared = shared_memory<ProductShared>();
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * kTile,
                first_column = static_cast<int64_t>(blockIdx.x) * kTile;
  const int across = static_cast<int>(threadIdx.x) % 16, down = static_cast<int>(threadIdx.x) / 16;
  float sums[4][4] = {};
  for (int64_t k0 = 0; k0 < inner; k0 += kTileDepth) {
    load_tile(shared.a, a, first_row, k0, inner);
    load_tile(shared.b, b, first_column, k0, inner);
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kTileDepth; ++k) {
      float left[4], right[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        left[i] = shared.a[k][down + 16 * i];
        right[i] = shared.b[k][across + 16 * i];
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int64_t row = first_row + down + 16 * i, column = first_column + across + 16 * j;
      if (row >= a.outer || column >= b.outer) continue;
      float value = sums[i][j];
      if (c) value += to_float(c[row * c_stride + column]);
      if (bias) value += bias[column];
      d[row * d_stride + column] = from_float<R>(value);
    }
  }
}

// -------------------------------------------------------------------------------------------------------- launchers

template <class T, class R>
void launch_tiled(const MatrixProduct& p, const float* bias, Context& context) {
  // op(B) is [inner, columns]: its outer index is the column.
  const Operand<T> a{static_cast<const T*>(p.a), p.a_transposed ? 1 : p.a_stride, p.a_transposed ? p.a_stride : 1,
                     p.rows};
  const Operand<T> b{static_cast<const T*>(p.b), p.b_transposed ? p.b_stride : 1, p.b_transposed ? 1 : p.b_stride,
                     p.columns};
  const int64_t strips = divide_up(p.rows, kTile), most = 65535;  // blocks in y
  for (int64_t strip = 0; strip < strips; strip += most) {
    const int64_t row = strip * kTile;
    Operand<T> part = a;
    part.data += row * a.outer_stride;
    part.outer = p.rows - row;
    const R* c = p.c ? static_cast<const R*>(p.c) + row * p.c_stride : nullptr;
    launch("tiled_product", tiled_product_kernel<T, R>,
           Grid{divide_up(p.columns, kTile), strips - strip < most ? strips - strip : most}, kTileThreads,
           sizeof(ProductShared), context.stream, static_cast<R*>(p.d) + row * p.d_stride, p.d_stride, part, b, p.inner,
           c, p.c_stride, bias);
  }
}

bool aligned(const void* data, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

// `bias` is float32, or null.
void multiply(MatrixProduct p, const float* bias, const char* operation, Context& context) {
  if (p.rows == 0 || p.columns == 0) return;
  if (p.inner > 0) {
    // The workspace: first the rounded bias, then cuBLASLt's.
    const int64_t bias_bytes = bias && p.result == DType::bfloat16 ? bias_workspace(p.columns) : 0;
    char* scratch = require_workspace(context, bias_bytes, operation);
    p.bias = bias;
    if (bias_bytes > 0) {
      launch("round_bias", round_bias_kernel, Grid{divide_up(p.columns, kRoundThreads)}, kRoundThreads, 0,
             context.stream, reinterpret_cast<bfloat16*>(scratch), bias, p.columns);
      p.bias = scratch;
    }
    const int64_t left = context.workspace_bytes - bias_bytes;
    const int64_t cublas_bytes = left < context.cublas_lt_bytes ? left : context.cublas_lt_bytes;
    std::string refusal;
    if (context.cublas_lt->multiply(p, cublas_bytes > 0 ? scratch + bias_bytes : nullptr, cublas_bytes, context.stream,
                                    refusal))
      return;
    context.slow_products->count(operation, p, refusal);
  }
  if (p.operands == DType::float32) launch_tiled<float, float>(p, bias, context);
  else if (p.result == DType::float32) launch_tiled<bfloat16, float>(p, bias, context);
  else launch_tiled<bfloat16, bfloat16>(p, bias, context);
}

template <class T>
void launch_bias_gradient(const LinearBackwardWeight& a, Context& context) {
  constexpr int kWide = kVectorWidth<T>;
  const int64_t columns = a.dy.columns, rows = a.dy.rows, chunks = divide_up(rows, kBiasRowsPerChunk);
  auto* partials = reinterpret_cast<float*>(
      require_workspace(context, bias_gradient_workspace(rows, columns), "linear_backward_weight"));
  const auto* dy = static_cast<const T*>(a.dy.data);
  if (aligned(dy, 16) && columns % kWide == 0 && a.dy.stride % kWide == 0) {
    launch("bias_gradient", bias_gradient_kernel<T, kWide>, Grid{divide_up(columns, kWarpThreads * kWide), chunks},
           kSumWarps * kWarpThreads, sizeof(ColumnSumShared<kWide>), context.stream, partials, dy, a.dy.stride, rows,
           columns);
  } else {
    launch("bias_gradient", bias_gradient_kernel<T, 1>, Grid{divide_up(columns, kWarpThreads), chunks},
           kSumWarps * kWarpThreads, sizeof(ColumnSumShared<1>), context.stream, partials, dy, a.dy.stride, rows,
           columns);
  }
  launch("add_chunks", add_chunks_kernel, Grid{divide_up(columns, kAddThreads)}, kAddThreads, 0, context.stream,
         static_cast<float*>(a.d_bias.data), partials, chunks, columns);
}

void require_dtypes(DType first, DType second, DType result, const char* operation) {
  const bool known = first != DType::float16 && first == second && (result == first || result == DType::float32);
  if (!known) {
    fail("CUDA: ", operation, " cannot multiply ", name(first), " and ", name(second), " into ", name(result),
         ": both operands are float32 or both bfloat16. Load the weights in the dtype of the activations.");
  }
}

}  // namespace

void linear_forward(const LinearForward& a, Context& context) {
  require_dtypes(a.x.dtype, a.weight.dtype, a.y.dtype, "linear_forward");
  MatrixProduct p{.rows = a.y.rows,
                  .columns = a.y.columns,
                  .inner = a.x.columns,
                  .a = a.x.data,
                  .a_stride = a.x.stride,
                  .a_transposed = false,
                  .b = a.weight.data,
                  .b_stride = a.weight.stride,
                  .b_transposed = true,
                  .d = a.y.data,
                  .d_stride = a.y.stride,
                  .operands = a.x.dtype,
                  .result = a.y.dtype};
  if (a.residual) p.c = a.residual.data, p.c_stride = a.residual.stride;
  multiply(p, a.bias ? floats(a.bias) : nullptr, "linear_forward", context);
}

void linear_backward_input(const LinearBackwardInput& a, Context& context) {
  require_dtypes(a.dy.dtype, a.weight.dtype, a.dx.dtype, "linear_backward_input");
  MatrixProduct p{.rows = a.dx.rows,
                  .columns = a.dx.columns,
                  .inner = a.dy.columns,
                  .a = a.dy.data,
                  .a_stride = a.dy.stride,
                  .a_transposed = false,
                  .b = a.weight.data,
                  .b_stride = a.weight.stride,
                  .b_transposed = false,
                  .d = a.dx.data,
                  .d_stride = a.dx.stride,
                  .operands = a.dy.dtype,
                  .result = a.dx.dtype};
  if (a.accumulate) p.c = a.dx.data, p.c_stride = a.dx.stride;
  multiply(p, nullptr, "linear_backward_input", context);
}

void linear_backward_weight(const LinearBackwardWeight& a, Context& context) {
  require_dtypes(a.dy.dtype, a.x.dtype, a.d_weight.dtype, "linear_backward_weight");
  if (a.dy.rows == 0) return;
  if (a.d_weight) {
    multiply({.rows = a.d_weight.rows,
              .columns = a.d_weight.columns,
              .inner = a.dy.rows,
              .a = a.dy.data,
              .a_stride = a.dy.stride,
              .a_transposed = true,
              .b = a.x.data,
              .b_stride = a.x.stride,
              .b_transposed = false,
              .d = a.d_weight.data,
              .d_stride = a.d_weight.stride,
              .operands = a.dy.dtype,
              .result = a.d_weight.dtype,
              .c = a.d_weight.data,
              .c_stride = a.d_weight.stride},
             nullptr, "linear_backward_weight", context);
  }
  if (!a.d_bias) return;
  if (a.dy.dtype == DType::float32) launch_bias_gradient<float>(a, context);
  else launch_bias_gradient<bfloat16>(a, context);
}

}  // namespace cheems::cuda
