// Rotary embedding on CUDA, forward and backward, with the heads' RMSNorm (Qwen3's q_norm, k_norm) if there is one.
//
// Fused: the norm of each head, its weight and the rotation, in one read and one write. The normalized head is never
// stored; backward recomputes its r from x. In place if the contract allows it: a thread writes what it alone has read.
// Floor, e bytes per element: 2e each way, 3e backward with a norm; 3 FLOPs per element, 8 (14 backward) with the norm.
// The tables cost 4 * head_size bytes per row. They are read once for all heads of a row, mostly from the cache.
//
// Threads. The first half of a head is divided among a team of lanes (a power of two, so that a head's sums are
// butterflies within a warp). A lane holds `Vectors` pieces of `Width` elements of the first half and the same of the
// second, which is all that a rotation needs. A team takes one row's heads one after another (two at once without a
// norm, for more reads in flight) and keeps the row's angles and the norm's weight in registers. If there are few rows,
// heads are split over blocks too.
//
// d_norm_weight. Each team sums over its heads and rows in registers; the block's teams are added in a fixed order into
// one row of float32 partial sums in the workspace; partial_sums.cuh adds those in order. Which rows a block has
// depends only on the sizes and on the number of multiprocessors, so that a GPU model gives the same bits in every run.
#include <algorithm>
#include <bit>

#include "backends/cuda/kernels.h"
#include "backends/cuda/partial_sums.cuh"
#include "backends/cuda/vector_access.cuh"
#include "ops/rope/rope.h"
#include "ops/rope/cuda_blocks.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int64_t kThreadsWanted = 512;  // per multiprocessor: heads are split over blocks if rows alone give fewer
constexpr int64_t kMostGridRows = 65535;

template <class A>
struct RopeArguments {
  A* out;
  const A* in;      // forward: x; backward: dy
  const A* x;       // backward with a norm
  float* partials;  // backward with a norm: [blocks, head_size]
  const int32_t* positions;
  const float *cosine, *sine, *norm_weight;
  int64_t out_stride, in_stride, x_stride, cosine_stride, sine_stride, rows;
  int32_t heads, heads_per_block, head_size, lanes;
  float direction;  // 1: by the angle; -1: back
  float epsilon, weight_offset;
};

// A thread's part of a head: which elements of the first half are its own.
template <int Width, int Vectors>
struct Part {
  int32_t half, first, step;
  __device__ __forceinline__ int32_t column(int v) const { return first + v * step; }
  __device__ __forceinline__ bool has(int v) const { return column(v) < half; }
};

template <class A>
__device__ __forceinline__ int team_of(const RopeArguments<A>& a) {
  return static_cast<int>(threadIdx.x) / a.lanes;
}

template <int Width, int Vectors, class A>
__device__ __forceinline__ Part<Width, Vectors> part_of(const RopeArguments<A>& a) {
  return {a.head_size / 2, static_cast<int>(threadIdx.x) % a.lanes * Width, a.lanes * Width};
}

// Both halves of a head, in float32.
template <int Width, int Vectors>
struct Halves {
  float a[Vectors][Width], b[Vectors][Width];
};

template <class T, int Width, int Vectors>
__device__ __forceinline__ void load_halves(const T* head, const Part<Width, Vectors>& part,
                                            Halves<Width, Vectors>& h) {
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    if (!part.has(v)) break;
    load_floats(head + part.column(v), h.a[v]);
    load_floats(head + part.half + part.column(v), h.b[v]);
  }
}

template <class T, int Width, int Vectors>
__device__ __forceinline__ void store_halves(T* head, const Part<Width, Vectors>& part,
                                             const Halves<Width, Vectors>& h) {
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    if (!part.has(v)) break;
    store_floats(head + part.column(v), h.a[v]);
    store_floats(head + part.half + part.column(v), h.b[v]);
  }
}

// Cosines (a) and signed sines (b) of a row's position.
template <class A, int Width, int Vectors>
__device__ __forceinline__ void load_angles(const RopeArguments<A>& a, int64_t row, const Part<Width, Vectors>& part,
                                            Halves<Width, Vectors>& angles) {
  const int64_t position = a.positions[row];
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    if (!part.has(v)) break;
    load_floats(a.cosine + position * a.cosine_stride + part.column(v), angles.a[v]);
    load_floats(a.sine + position * a.sine_stride + part.column(v), angles.b[v]);
#pragma unroll
    for (int i = 0; i < Width; ++i) angles.b[v][i] *= a.direction;
  }
}

template <class A, int Width, int Vectors>
__device__ __forceinline__ void load_norm_scale(const RopeArguments<A>& a, const Part<Width, Vectors>& part,
                                                Halves<Width, Vectors>& scale) {
  load_halves(a.norm_weight, part, scale);
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
#pragma unroll
    for (int i = 0; i < Width; ++i) scale.a[v][i] += a.weight_offset, scale.b[v][i] += a.weight_offset;
  }
}

template <int Width, int Vectors>
__device__ __forceinline__ void rotate(Halves<Width, Vectors>& h, const Halves<Width, Vectors>& angles) {
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      const float a = h.a[v][i], b = h.b[v][i], c = angles.a[v][i], s = angles.b[v][i];
      h.a[v][i] = a * c - b * s;
      h.b[v][i] = b * c + a * s;
    }
  }
}

// Over the lanes of a team; all lanes of the warp must call.
__device__ __forceinline__ float team_sum(float value, int lanes) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kWholeWarp, value, offset);
  return value;
}

// 1 / rms of a head.
template <class A, int Width, int Vectors>
__device__ __forceinline__ float inverse_rms_of(const RopeArguments<A>& a, const Part<Width, Vectors>& part,
                                                const Halves<Width, Vectors>& h) {
  float squares = 0;
#pragma unroll
  for (int v = 0; v < Vectors; ++v) {
    if (!part.has(v)) break;
#pragma unroll
    for (int i = 0; i < Width; ++i) squares += h.a[v][i] * h.a[v][i] + h.b[v][i] * h.b[v][i];
  }
  return 1.0f / sqrtf(team_sum(squares, a.lanes) / static_cast<float>(a.head_size) + a.epsilon);
}

// Without a norm: forward, and backward with direction -1. Block (rows, heads).
template <class A, int Width, int Vectors>
__global__ void __launch_bounds__(kThreads) rope_kernel(RopeArguments<A> a) {
  constexpr int kHeadsAtOnce = 2;
  const auto part = part_of<Width, Vectors>(a);
  const int32_t end = min((static_cast<int32_t>(blockIdx.y) + 1) * a.heads_per_block, a.heads);
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / a.lanes) + team_of(a);
  if (row >= a.rows) return;
  Halves<Width, Vectors> angles{};
  load_angles(a, row, part, angles);
  for (int32_t head = static_cast<int32_t>(blockIdx.y) * a.heads_per_block; head < end; head += kHeadsAtOnce) {
    Halves<Width, Vectors> h[kHeadsAtOnce] = {};
#pragma unroll
    for (int k = 0; k < kHeadsAtOnce; ++k) {
      if (head + k < end) load_halves(a.in + row * a.in_stride + (head + k) * a.head_size, part, h[k]);
    }
#pragma unroll
    for (int k = 0; k < kHeadsAtOnce; ++k) {
      if (head + k >= end) break;
      rotate(h[k], angles);
      store_halves(a.out + row * a.out_stride + (head + k) * a.head_size, part, h[k]);
    }
  }
}

// With a norm, forward. Lanes without a row or without elements take part, since the sums need whole warps.
template <class A, int Width, int Vectors>
__global__ void __launch_bounds__(kThreads) rope_norm_kernel(RopeArguments<A> a) {
  const auto part = part_of<Width, Vectors>(a);
  const int32_t end = min((static_cast<int32_t>(blockIdx.y) + 1) * a.heads_per_block, a.heads);
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / a.lanes) + team_of(a);
  const bool active = row < a.rows;
  Halves<Width, Vectors> angles{}, scale{};
  load_norm_scale(a, part, scale);
  if (active) load_angles(a, row, part, angles);
  for (int32_t head = static_cast<int32_t>(blockIdx.y) * a.heads_per_block; head < end; ++head) {
    Halves<Width, Vectors> h{};
    if (active) load_halves(a.in + row * a.in_stride + head * a.head_size, part, h);
    const float r = inverse_rms_of(a, part, h);
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
#pragma unroll
      for (int i = 0; i < Width; ++i) h.a[v][i] *= r * scale.a[v][i], h.b[v][i] *= r * scale.b[v][i];
    }
    rotate(h, angles);
    if (active) store_halves(a.out + row * a.out_stride + head * a.head_size, part, h);
  }
}

struct BackwardShared {
  float d_weight[kWarps][kRopeLargestHead];
};

// Writes the teams' sums of d_norm_weight to the block's row of partials.
template <class A, int Width, int Vectors>
__device__ __forceinline__ void write_partials(const RopeArguments<A>& a, const Part<Width, Vectors>& part,
                                               Halves<Width, Vectors>& d_weight) {
  auto& shared = shared_memory<BackwardShared>();
  for (int offset = a.lanes; offset < 32; offset *= 2) {
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        d_weight.a[v][i] += __shfl_xor_sync(kWholeWarp, d_weight.a[v][i], offset);
        d_weight.b[v][i] += __shfl_xor_sync(kWholeWarp, d_weight.b[v][i], offset);
      }
    }
  }
  if (static_cast<int>(threadIdx.x) % 32 < a.lanes) store_halves(shared.d_weight[threadIdx.x / 32], part, d_weight);
  __syncthreads();
  const int64_t block = static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const int column = static_cast<int>(threadIdx.x);
  if (column >= a.head_size) return;
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) sum += shared.d_weight[warp][column];
  a.partials[block * a.head_size + column] = sum;
}

// With a norm, backward: the rotation back gives du, then as in rmsnorm.h. Two blocks per multiprocessor leave each
// thread 128 registers; by itself the compiler aims at four blocks and spills.
template <class A, int Width, int Vectors>
__global__ void __launch_bounds__(kThreads, 2) rope_norm_backward_kernel(RopeArguments<A> a) {
  const auto part = part_of<Width, Vectors>(a);
  const int32_t end = min((static_cast<int32_t>(blockIdx.y) + 1) * a.heads_per_block, a.heads);
  const int teams = kThreads / a.lanes;
  Halves<Width, Vectors> angles{}, scale{}, d_weight{};
  load_norm_scale(a, part, scale);
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * teams; first < a.rows;
       first += static_cast<int64_t>(gridDim.x) * teams) {
    const int64_t row = first + team_of(a);
    const bool active = row < a.rows;
    if (active) load_angles(a, row, part, angles);
    for (int32_t head = static_cast<int32_t>(blockIdx.y) * a.heads_per_block; head < end; ++head) {
      Halves<Width, Vectors> d{}, x{};
      if (active) {
        load_halves(a.in + row * a.in_stride + head * a.head_size, part, d);
        load_halves(a.x + row * a.x_stride + head * a.head_size, part, x);
      }
      rotate(d, angles);
      const float r = inverse_rms_of(a, part, x);
      float dot = 0;
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
#pragma unroll
        for (int i = 0; i < Width; ++i) {
          dot += d.a[v][i] * scale.a[v][i] * x.a[v][i] + d.b[v][i] * scale.b[v][i] * x.b[v][i];
          d_weight.a[v][i] += d.a[v][i] * (x.a[v][i] * r);
          d_weight.b[v][i] += d.b[v][i] * (x.b[v][i] * r);
        }
      }
      const float pull = team_sum(dot, a.lanes) / static_cast<float>(a.head_size) * r * r;
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
#pragma unroll
        for (int i = 0; i < Width; ++i) {
          d.a[v][i] = r * (d.a[v][i] * scale.a[v][i] - x.a[v][i] * pull);
          d.b[v][i] = r * (d.b[v][i] * scale.b[v][i] - x.b[v][i] * pull);
        }
      }
      if (active) store_halves(a.out + row * a.out_stride + head * a.head_size, part, d);
    }
  }
  write_partials(a, part, d_weight);
}

// Launchers

// Teams and the split of heads.
template <class A>
Grid divide_work(RopeArguments<A>& a, int width, int vectors, const Context& context) {
  a.lanes = static_cast<int32_t>(std::bit_ceil(static_cast<uint32_t>(divide_up(a.head_size / 2, width * vectors))));
  const int64_t most_groups = std::min<int64_t>(a.heads, kMostGridRows);
  const int64_t groups =
      std::clamp<int64_t>(divide_up(kThreadsWanted * context.multiprocessors, a.rows * a.lanes), 1, most_groups);
  a.heads_per_block = static_cast<int32_t>(divide_up(a.heads, groups));
  return {divide_up(a.rows, kThreads / a.lanes), divide_up(a.heads, a.heads_per_block)};
}

template <class A, int Width, int Vectors>
void launch_forward(RopeArguments<A> a, Context& context) {
  const Grid grid = divide_work(a, Width, Vectors, context);
  if (a.norm_weight) {
    launch("rope_norm_forward", rope_norm_kernel<A, Width, Vectors>, grid, kThreads, 0, context.stream, a);
  } else {
    launch(a.direction > 0 ? "rope_forward" : "rope_backward", rope_kernel<A, Width, Vectors>, grid, kThreads, 0,
           context.stream, a);
  }
}

template <class A, int Width, int Vectors>
void launch_backward(RopeArguments<A> a, float* d_norm_weight, Context& context) {
  if (!a.norm_weight) return launch_forward<A, Width, Vectors>(a, context);
  Grid grid = divide_work(a, Width, Vectors, context);
  const int64_t most_blocks = std::min<int64_t>(kRopeBlocks, 2 * context.multiprocessors);
  if (grid.y > most_blocks) {
    a.heads_per_block = static_cast<int32_t>(divide_up(a.heads, most_blocks));
    grid.y = divide_up(a.heads, a.heads_per_block);
  }
  grid.x = std::min(grid.x, most_blocks / grid.y);
  const int64_t blocks = grid.x * grid.y;
  a.partials = reinterpret_cast<float*>(
      require_workspace(context, blocks * a.head_size * static_cast<int64_t>(sizeof(float)), "rope_backward"));
  launch("rope_norm_backward", rope_norm_backward_kernel<A, Width, Vectors>, grid, kThreads, sizeof(BackwardShared),
         context.stream, a);
  if (!d_norm_weight) return;
  add_partial_sums("rope_norm_backward_weight", a.partials, blocks, a.head_size, d_norm_weight, context);
}

// Forward's and backward's arguments have most of their names in common.
template <class A, class Operation>
RopeArguments<A> arguments_of(const Operation& op, const Tensor& out, const ConstTensor& in, Context& context) {
  RopeArguments<A> a{};
  a.out = static_cast<A*>(out.data), a.in = static_cast<const A*>(in.data), a.x = static_cast<const A*>(op.x.data);
  a.positions = context.device(op.positions);
  a.cosine = floats(op.cosine), a.sine = floats(op.sine),
  a.norm_weight = op.norm_weight ? floats(op.norm_weight) : nullptr;
  a.out_stride = out.stride, a.in_stride = in.stride, a.x_stride = op.x.stride, a.cosine_stride = op.cosine.stride,
  a.sine_stride = op.sine.stride;
  a.rows = in.rows, a.heads = static_cast<int32_t>(in.columns / op.head_size),
  a.head_size = static_cast<int32_t>(op.head_size);
  a.epsilon = op.epsilon, a.weight_offset = op.weight_offset;
  return a;
}

template <class Operation>
void check_rope(const Operation& op, const Tensor& out, const ConstTensor& in) {
  if (op.head_size < 2 || op.head_size % 2 != 0 || op.head_size > kRopeLargestHead) {
    fail("Rotary embedding on CUDA takes even head sizes up to ", kRopeLargestHead, ", not ", op.head_size, ".");
  }
  require_dtype(out, in.dtype, "The rotated heads' matrix");
  require_dtype(op.cosine, DType::float32, "The table of cosines");
  require_dtype(op.sine, DType::float32, "The table of sines");
}

// Whether a lane's piece of `width` elements is one aligned access in each half of each head, and in the tables.
template <class Operation>
bool pieces_fit(const Operation& op, int64_t width, const Tensor& out, const ConstTensor& in) {
  return op.head_size / 2 % width == 0 && vectors_fit(width, out, in, op.norm_weight ? op.x : in) &&
         vectors_fit(4, op.cosine, op.sine, op.norm_weight);
}

constexpr int kSingles =
    kRopeLargestHead / 2 / 32;  // elements of each half that each lane of a whole warp takes one by one

}  // namespace

void rope_forward(const RopeForward& op, Context& context) {
  if (op.x.rows == 0 || op.x.columns == 0) return;
  check_rope(op, op.y, op.x);
  with_element_type(op.x.dtype, "The heads' matrix", [&]<class A>() {
    RopeArguments<A> a = arguments_of<A>(op, op.y, op.x, context);
    a.direction = 1;
    if (pieces_fit(op, kVectorWidth<A>, op.y, op.x)) {
      launch_forward<A, kVectorWidth<A>, 1>(a, context);
    } else {
      launch_forward<A, 1, kSingles>(a, context);
    }
  });
}

void rope_backward(const RopeBackward& op, Context& context) {
  if (op.dy.rows == 0 || op.dy.columns == 0) return;
  check_rope(op, op.dx, op.dy);
  if (op.norm_weight) require_dtype(op.x, op.dy.dtype, "The normalized heads' input");
  with_element_type(op.dy.dtype, "The heads' gradient", [&]<class A>() {
    RopeArguments<A> a = arguments_of<A>(op, op.dx, op.dy, context);
    a.direction = -1;
    float* d_norm_weight = op.norm_weight ? floats(op.d_norm_weight) : nullptr;
    if (pieces_fit(op, kVectorWidth<A>, op.dx, op.dy)) {
      launch_backward<A, kVectorWidth<A>, 1>(a, d_norm_weight, context);
    } else {
      launch_backward<A, 1, kSingles>(a, d_norm_weight, context);
    }
  });
}

}  // namespace cheems::cuda
