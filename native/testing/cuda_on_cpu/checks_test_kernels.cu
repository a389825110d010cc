// Kernels for checks_test.cpp: each in a correct version and with one bug.
#include <stdexcept>

#include "backends/cuda/device.cuh"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

using namespace cheems::cuda;

float host_variable = 0;  // which a kernel must not access

namespace {

struct Floats {
  alignas(16) float values[256];
};

__device__ Floats& floats() { return shared_memory<Floats>(); }

// Shared memory that is fully initialized, with a barrier afterwards.
__device__ float* zeroed_floats() {
  float* const values = floats().values;
  for (int i = threadIdx.x; i < 256; i += blockDim.x) values[i] = 0;
  __syncthreads();
  return values;
}

__global__ void missing_barrier(float* out, bool bug) {
  float* const values = zeroed_floats();
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (!bug) __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 32) % 64];
}

__global__ void missing_warp_barrier(float* out, bool bug) {
  float* const values = zeroed_floats();
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (!bug) __syncwarp();
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

__global__ void partial_warp_barrier(float* out, bool bug) {
  float* const values = zeroed_floats();
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (threadIdx.x < 16) __syncwarp(0x0000ffffu);
  else __syncwarp(0xffff0000u);
  out[threadIdx.x] = values[threadIdx.x ^ (bug ? 16 : 8)];
}

__global__ void write_after_read(float* out, bool bug) {
  float* const values = floats().values;
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x ^ 33];
  if (!bug) __syncthreads();
  values[threadIdx.x] = 0;
}

__global__ void write_after_write(float* out, bool bug) {
  float* const values = floats().values;
  values[bug ? threadIdx.x / 2 : threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x / 2];
}

// Whole words are written, then their halves by two warps; then the whole words are read.
__global__ void write_halves(float* out, bool bug) {
  float* const values = zeroed_floats();
  auto* const halves = reinterpret_cast<unsigned short*>(values);
  const int word = static_cast<int>(threadIdx.x % 32),
            half = bug && threadIdx.x == 40 ? 0 : static_cast<int>(threadIdx.x / 32);
  halves[2 * word + half] = 1;
  __syncthreads();
  out[threadIdx.x] = values[word];
  __syncthreads();
  values[threadIdx.x] = 2;
  __syncthreads();
  out[threadIdx.x] += values[threadIdx.x ^ 33];
}

// Halves are read by two warps and written by the first one after a barrier of only its own warp.
__global__ void read_halves(float* out, bool bug) {
  float* const values = zeroed_floats();
  auto* const halves = reinterpret_cast<unsigned short*>(values);
  const int word = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  out[threadIdx.x] = halves[2 * word + (bug && threadIdx.x == 40 ? 0 : warp)];
  __syncwarp();
  if (warp == 0) halves[2 * word] = 1;
}

__global__ void shuffle_orders_nothing(float* out, bool bug) {
  float* const values = zeroed_floats();
  values[threadIdx.x] = __shfl_xor_sync(kWholeWarp, 1.0f, 1);
  const float other = __shfl_xor_sync(kWholeWarp, 2.0f, 1);
  if (!bug) __syncwarp();
  out[threadIdx.x] = other + values[threadIdx.x ^ 1];
}

__global__ void uninitialized_shared(float* out, bool bug) {
  float* const values = floats().values;
  if (!bug || threadIdx.x != 7) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

struct Bytes {
  unsigned char values[64];
};

__global__ void uninitialized_byte(unsigned char* out, bool bug) {
  unsigned char* const values = shared_memory<Bytes>().values;
  if (!bug || threadIdx.x != 8) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

__global__ void shared_out_of_range(float* out, bool bug) {
  float* const values = floats().values;
  values[threadIdx.x + (bug ? 193 : 192)] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x + (bug ? 193 : 192)];
}

__global__ void global_out_of_range(float* out, int n, bool bug) {
  const int i = blockIdx.x * 32 + threadIdx.x;
  if (bug ? i <= n : i < n) out[i] = 1;
}

__global__ void read(const float* in, float* out) { out[0] = in[0]; }

__global__ void read_vector(const float* in, float* out) { store_vector(out, load_vector<4>(in)); }

__global__ void write_shared_vector(float* out, int offset) {
  float* const values = floats().values;
  store_vector(values + offset, Vector<float, 4>{{1, 2, 3, 4}});
  out[0] = values[offset + 3];
}

__global__ void divergent_barrier(float* out, bool bug) {
  if (!bug || threadIdx.x < 16) __syncthreads();
  out[threadIdx.x] = __shfl_xor_sync(kWholeWarp, 1.0f, 1);
}

__global__ void early_return(float* out, bool bug) {
  if (bug && threadIdx.x >= 40) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void two_barriers(float* out, bool bug) {
  out[threadIdx.x] = 1;
  if (bug && threadIdx.x < 32) {
    __syncthreads();
    out[threadIdx.x] = 2;
  } else {
    __syncthreads();
  }
}

__global__ void wrong_mask(float* out, bool bug) {
  const uint32_t mask = bug ? 0x7fffffffu : kWholeWarp;
  out[threadIdx.x] = __shfl_xor_sync(mask, 1.0f, 1);
}

__global__ void unmatched_mask(float* out, bool bug) {
  const uint32_t mask = bug && threadIdx.x < 8 ? 0x000000ffu : kWholeWarp;
  out[threadIdx.x] = __shfl_xor_sync(mask, 1.0f, 1);
}

__global__ void different_functions(float* out, bool bug) {
  if (bug && threadIdx.x == 3) __syncwarp();
  else out[threadIdx.x] = __shfl_xor_sync(kWholeWarp, 1.0f, 1);
}

__global__ void shuffle_from_outside(float* out, bool bug) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, bug ? 20 : 10);
}

__global__ void async_copy(const float* in, float* out, AsyncBug bug) {
  float* const values = zeroed_floats();
  const int thread = threadIdx.x;
  cp_async_16(values + 4 * thread + (bug == AsyncBug::misaligned ? 1 : 0), in + 4 * thread);
  cp_async_commit();
  if (bug == AsyncBug::too_few_waited) cp_async_wait<1>();
  else if (bug != AsyncBug::no_wait && bug != AsyncBug::touched && bug != AsyncBug::overwritten &&
           bug != AsyncBug::never_waited)
    cp_async_wait<0>();
  if (bug == AsyncBug::touched && thread == 5) out[0] = values[4 * thread];  // its own target, before it waits
  if (bug == AsyncBug::overwritten && thread == 5) values[4 * thread + 2] = 0;
  if (bug != AsyncBug::no_barrier) __syncthreads();
  if (bug != AsyncBug::never_waited) out[thread] = values[4 * (thread ^ 32)];
  if (bug != AsyncBug::never_waited) cp_async_wait<0>();
}

__global__ void blocks(unsigned* data, unsigned* out, BlockBug bug) {
  if (threadIdx.x != 0) return;
  const unsigned block = blockIdx.x;
  atomicAdd(&data[0], 1u);
  data[1 + block] = block;
  if (bug == BlockBug::write_write) data[10] = block;
  if (bug == BlockBug::write_read) {
    if (block == 0) data[10] = 1;
    else out[block] = data[10];
  }
  if (bug == BlockBug::read_write) {
    if (block == 0) out[block] = data[10];
    else data[10] = 1;
  }
  if (bug == BlockBug::plain_beside_atomic && block == 1) out[block] = data[0];
}

// Every block sums its part; the last block to finish adds the parts.
__global__ void last_block_sums(const float* in, float* partials, unsigned* ticket, float* out, bool bug) {
  const float sum = warp_sum(in[blockIdx.x * 32 + threadIdx.x]);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = sum;
    if (!bug) __threadfence();
    if (atomicAdd(ticket, 1u) == gridDim.x - 1) {
      float total = 0;
      for (unsigned i = 0; i < gridDim.x; ++i) total += partials[i];
      out[0] = total;
    }
  }
}

__global__ void host_memory(float* out, bool bug) {
  if (bug) host_variable = 1;
  out[0] = 1;
}

__global__ void throws(float*) { throw std::runtime_error("as planted"); }

// Only one thread stores, so that blocks of any size can be tested.
__device__ void store_first(float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockDim.x);
}
__global__ __launch_bounds__(96) void bound(float* out) { store_first(out); }
struct Few {
  static constexpr int kThreads = 64, kBlocks = 0;
};
struct Many {
  static constexpr int kThreads = 160, kBlocks = 2;
};
template <class Shape>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks) bound_by_template(float* out) {
  store_first(out);
}
__global__ void __launch_bounds__(1024, 3) bound_too_high(float* out) { store_first(out); }
__global__ void unbound(float* out) { store_first(out); }

}  // namespace

constexpr int64_t kFloats = sizeof(Floats);

void launch_missing_barrier(float* out, bool bug) {
  launch("missing_barrier", missing_barrier, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_missing_warp_barrier(float* out, bool bug) {
  launch("missing_warp_barrier", missing_warp_barrier, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_partial_warp_barrier(float* out, bool bug) {
  launch("partial_warp_barrier", partial_warp_barrier, Grid{}, 32, kFloats, nullptr, out, bug);
}
void launch_write_after_read(float* out, bool bug) {
  launch("write_after_read", write_after_read, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_write_after_write(float* out, bool bug) {
  launch("write_after_write", write_after_write, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_write_halves(float* out, bool bug) {
  launch("write_halves", write_halves, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_read_halves(float* out, bool bug) {
  launch("read_halves", read_halves, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_shuffle_orders_nothing(float* out, bool bug) {
  launch("shuffle_orders_nothing", shuffle_orders_nothing, Grid{}, 32, kFloats, nullptr, out, bug);
}
void launch_uninitialized_shared(float* out, bool bug) {
  launch("uninitialized_shared", uninitialized_shared, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_uninitialized_byte(unsigned char* out, bool bug) {
  launch("uninitialized_byte", uninitialized_byte, Grid{}, 64, sizeof(Bytes), nullptr, out, bug);
}
void launch_shared_out_of_range(float* out, bool bug) {
  launch("shared_out_of_range", shared_out_of_range, Grid{}, 64, kFloats, nullptr, out, bug);
}
void launch_global_out_of_range(float* out, int n, bool bug) {
  launch("global_out_of_range", global_out_of_range, Grid{divide_up(n + 1, 32)}, 32, 0, nullptr, out, n, bug);
}
void launch_read(const float* in, float* out) { launch("read", read, Grid{}, 1, 0, nullptr, in, out); }
void launch_read_vector(const float* in, float* out) {
  launch("read_vector", read_vector, Grid{}, 1, 0, nullptr, in, out);
}
void launch_write_shared_vector(float* out, int offset) {
  launch("write_shared_vector", write_shared_vector, Grid{}, 1, kFloats, nullptr, out, offset);
}
void launch_divergent_barrier(float* out, bool bug) {
  launch("divergent_barrier", divergent_barrier, Grid{}, 32, 0, nullptr, out, bug);
}
void launch_early_return(float* out, bool bug) {
  launch("early_return", early_return, Grid{}, 64, 0, nullptr, out, bug);
}
void launch_two_barriers(float* out, bool bug) {
  launch("two_barriers", two_barriers, Grid{}, 64, 0, nullptr, out, bug);
}
void launch_wrong_mask(float* out, bool bug) { launch("wrong_mask", wrong_mask, Grid{}, 32, 0, nullptr, out, bug); }
void launch_unmatched_mask(float* out, bool bug) {
  launch("unmatched_mask", unmatched_mask, Grid{}, 32, 0, nullptr, out, bug);
}
void launch_different_functions(float* out, bool bug) {
  launch("different_functions", different_functions, Grid{}, 32, 0, nullptr, out, bug);
}
void launch_shuffle_from_outside(float* out, bool bug) {
  launch("shuffle_from_outside", shuffle_from_outside, Grid{}, 32, 0, nullptr, out, bug);
}
void launch_async_copy(const float* in, float* out, AsyncBug bug) {
  launch("async_copy", async_copy, Grid{}, 64, kFloats + 16, nullptr, in, out, bug);
}
void launch_blocks(unsigned* data, unsigned* out, BlockBug bug) {
  launch("blocks", blocks, Grid{3}, 32, 0, nullptr, data, out, bug);
}
void launch_last_block_sums(const float* in, float* partials, unsigned* ticket, float* out, bool bug) {
  launch("last_block_sums", last_block_sums, Grid{4}, 32, 0, nullptr, in, partials, ticket, out, bug);
}
void launch_host_memory(float* out, bool bug) { launch("host_memory", host_memory, Grid{}, 1, 0, nullptr, out, bug); }
void launch_bound(float* out, int threads) { launch("bound", bound, Grid{}, threads, 0, nullptr, out); }
void launch_bound_by_template(float* out, int threads, bool many) {
  launch("bound_by_template", many ? bound_by_template<Many> : bound_by_template<Few>, Grid{}, threads, 0, nullptr,
         out);
}
void launch_bound_too_high(float* out) { launch("bound_too_high", bound_too_high, Grid{}, 32, 0, nullptr, out); }
void launch_unbound(float* out, int threads) { launch("unbound", unbound, Grid{}, threads, 0, nullptr, out); }
void launch_throw(float* out) { launch("throws", throws, Grid{}, 1, 0, nullptr, out); }

}  // namespace cheems::cuda_on_cpu
