// Kernels for execution_test.cpp.
#include "backends/cuda/device.cuh"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

using namespace cheems::cuda;

namespace {

__global__ void coordinates(int* out) {
  const int block = blockIdx.x + blockIdx.y * gridDim.x;
  out[block * blockDim.x + threadIdx.x] = 1000 * block + threadIdx.x;
}

__global__ void warp_functions(const int* in, int* out) {
  const int lane = threadIdx.x, value = in[lane];
  out[0 * 32 + lane] = __shfl_sync(kWholeWarp, value, 5);
  out[1 * 32 + lane] = __shfl_xor_sync(kWholeWarp, value, 9);
  out[2 * 32 + lane] = __shfl_down_sync(kWholeWarp, value, 3);
  out[3 * 32 + lane] = __shfl_up_sync(kWholeWarp, value, 4, 16);
  out[4 * 32 + lane] = static_cast<int>(__ballot_sync(kWholeWarp, value % 3 == 0));
  out[5 * 32 + lane] = __any_sync(kWholeWarp, value == 7);
  out[6 * 32 + lane] = __all_sync(kWholeWarp, value < 1000);
  out[7 * 32 + lane] = static_cast<int>(__shfl_sync(kWholeWarp, 1e9 * value, 31, 8) / 1e9);
}

__global__ void half_warps(const int* in, int* out) {
  const int lane = threadIdx.x;
  int value = in[lane];
  if (lane < 16) {
    for (int i = 0; i < 3; ++i) value += __shfl_xor_sync(0x0000ffffu, value, 1 << i);
  } else {
    for (int i = 0; i < 4; ++i) value += __shfl_xor_sync(0xffff0000u, value, 1 << i);
  }
  __syncwarp();
  out[lane] = value;
}

constexpr int kPitch = 24;  // values per row

struct ProductShared {
  alignas(16) bfloat16 a[16 * kPitch];
  alignas(16) bfloat16 b[16 * kPitch];
};

__device__ uint32_t pair(bfloat16 low, bfloat16 high) {
  return __bfloat16_as_ushort(low) | static_cast<uint32_t>(__bfloat16_as_ushort(high)) << 16;
}

template <Fragments How>
__global__ void matrix_product(const bfloat16* a, const bfloat16* b, float* c) {
  const int lane = threadIdx.x, g = lane / 4, q = 2 * (lane % 4);
  uint32_t fragment_a[4], fragment_b[2];
  if constexpr (How == Fragments::direct) {
    for (int i = 0; i < 4; ++i) {
      const bfloat16* const at = a + (g + 8 * (i % 2)) * 16 + q + 8 * (i / 2);
      fragment_a[i] = pair(at[0], at[1]);
    }
    for (int i = 0; i < 2; ++i) fragment_b[i] = pair(b[(q + 8 * i) * 8 + g], b[(q + 8 * i + 1) * 8 + g]);
  } else {
    ProductShared& shared = shared_memory<ProductShared>();
    cp_async_16(&shared.a[lane / 2 * kPitch + lane % 2 * 8], a + lane * 8);
    if (lane < 16) cp_async_16(&shared.b[lane * kPitch], b + lane * 8);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    const int r = lane % 8, m = lane / 8;
    if constexpr (How == Fragments::ldmatrix) {
      ldmatrix_x4(fragment_a, &shared.a[lane % 16 * kPitch + lane / 16 * 8]);
    } else if constexpr (How == Fragments::ldmatrix_x2) {
      uint32_t left[2], right[2];
      ldmatrix_x2(left, &shared.a[lane % 16 * kPitch]);
      ldmatrix_x2(right, &shared.a[lane % 16 * kPitch + 8]);
      fragment_a[0] = left[0], fragment_a[1] = left[1], fragment_a[2] = right[0], fragment_a[3] = right[1];
    } else {  // a holds its transpose
      ldmatrix_x4_transposed(fragment_a, &shared.a[(r + m / 2 * 8) * kPitch + m % 2 * 8]);
    }
    ldmatrix_x2_transposed(fragment_b, &shared.b[lane % 16 * kPitch]);
  }
  float d[4] = {c[g * 8 + q], c[g * 8 + q + 1], c[(g + 8) * 8 + q], c[(g + 8) * 8 + q + 1]};
  mma_m16n8k16(d, fragment_a, fragment_b);
  store_vector(c + g * 8 + q, Vector<float, 2>{{d[0], d[1]}});
  store_vector(c + (g + 8) * 8 + q, Vector<float, 2>{{d[2], d[3]}});
}

struct TreeShared {
  float values[128];
};

__global__ void tree_sum(const float* in, float* out, int n) {
  TreeShared& shared = shared_memory<TreeShared>();
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += 128) sum += in[i];
  shared.values[threadIdx.x] = sum;
  for (unsigned half = 64; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared.values[threadIdx.x] += shared.values[threadIdx.x + half];
  }
  if (threadIdx.x == 0) out[0] = shared.values[0];
}

struct HistogramShared {
  unsigned bins[16];
};

__global__ void histogram(const int* in, int n, unsigned* out) {
  HistogramShared& shared = shared_memory<HistogramShared>();
  if (threadIdx.x < 16) shared.bins[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&shared.bins[in[i]], 1u);
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&out[threadIdx.x], shared.bins[threadIdx.x]);
}

__global__ void order_of_arrival(unsigned* counter, unsigned* out) { out[threadIdx.x] = atomicAdd(counter, 1u); }

__global__ void order_of_blocks(unsigned* counter, unsigned* out) {
  out[blockIdx.y * gridDim.x + blockIdx.x] = atomicAdd(counter, 1u);
}

}  // namespace

void launch_coordinates(int* out, int blocks_x, int blocks_y, int threads) {
  launch("coordinates", coordinates, Grid{blocks_x, blocks_y}, threads, 0, nullptr, out);
}

void launch_warp_functions(const int* in, int* out) {
  launch("warp_functions", warp_functions, Grid{}, 32, 0, nullptr, in, out);
}

void launch_half_warps(const int* in, int* out) { launch("half_warps", half_warps, Grid{}, 32, 0, nullptr, in, out); }

void launch_matrix_product(const bfloat16* a, const bfloat16* b, float* c, Fragments how) {
  const auto kernel = how == Fragments::direct        ? matrix_product<Fragments::direct>
                      : how == Fragments::ldmatrix    ? matrix_product<Fragments::ldmatrix>
                      : how == Fragments::ldmatrix_x2 ? matrix_product<Fragments::ldmatrix_x2>
                                                      : matrix_product<Fragments::transposed_a>;
  launch("matrix_product", kernel, Grid{}, 32, sizeof(ProductShared), nullptr, a, b, c);
}

void launch_order_of_arrival(unsigned* counter, unsigned* out, int threads) {
  launch("order_of_arrival", order_of_arrival, Grid{}, threads, 0, nullptr, counter, out);
}

void launch_order_of_blocks(unsigned* counter, unsigned* out, int blocks_x, int blocks_y) {
  launch("order_of_blocks", order_of_blocks, Grid{blocks_x, blocks_y}, 1, 0, nullptr, counter, out);
}

void launch_tree_sum(const float* in, float* out, int n) {
  launch("tree_sum", tree_sum, Grid{}, 128, sizeof(TreeShared), nullptr, in, out, n);
}

void launch_histogram(const int* in, int n, unsigned* out, int blocks) {
  launch("histogram", histogram, Grid{blocks}, 96, sizeof(HistogramShared), nullptr, in, n, out);
}

}  // namespace cheems::cuda_on_cpu
