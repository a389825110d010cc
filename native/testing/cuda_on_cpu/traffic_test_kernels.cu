// Kernels for traffic_test.cpp, whose traffic is known.
#include "backends/cuda/device.cuh"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

using namespace cheems::cuda;

namespace {

__global__ void copy(const float* in, float* out, int n, int stride) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i * stride];
}

__global__ void copy_vectors(const float* in, float* out, int n) {
  const int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) store_vector(out + i, load_vector<4>(in + i));
}

struct SharedFloats {
  alignas(16) float values[32 * 33];
};

__global__ void shared_stride(float* out, int stride) {
  float* const values = shared_memory<SharedFloats>().values;
  values[threadIdx.x * stride] = 1;
  __syncwarp();
  out[threadIdx.x] = values[threadIdx.x * stride];
}

__global__ void shared_vectors(float* out, int pitch) {
  float* const values = shared_memory<SharedFloats>().values;
  store_vector(values + threadIdx.x * pitch, Vector<float, 4>{{1, 2, 3, 4}});
  __syncwarp();
  if (threadIdx.x == 0) out[0] = values[pitch];
}

struct Tile {
  alignas(16) bfloat16 values[16 * 64];
};

__global__ void tile_product(const bfloat16* a, float* out, int pitch, int products) {
  bfloat16* const tile = shared_memory<Tile>().values;
  const int lane = threadIdx.x;
  cp_async_16(tile + lane / 2 * pitch + lane % 2 * 8, a + lane * 8);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  float d[4] = {};
  for (int i = 0; i < products; ++i) {
    uint32_t fragment[4];
    ldmatrix_x4(fragment, tile + lane % 16 * pitch + lane / 16 * 8);
    const uint32_t b[2] = {fragment[0], fragment[1]};
    mma_m16n8k16(d, fragment, b);
  }
  out[lane] = d[0];
}

}  // namespace

void launch_copy(const float* in, float* out, int n, int stride) {
  launch("copy", copy, Grid{divide_up(n, 256)}, 256, 0, nullptr, in, out, n, stride);
}

void launch_copy_vectors(const float* in, float* out, int n) {
  launch("copy_vectors", copy_vectors, Grid{divide_up(n, 1024)}, 256, 0, nullptr, in, out, n);
}

void launch_shared_stride(float* out, int stride) {
  launch("shared_stride", shared_stride, Grid{}, 32, sizeof(SharedFloats), nullptr, out, stride);
}

void launch_shared_vectors(float* out, int pitch) {
  launch("shared_vectors", shared_vectors, Grid{}, 32, sizeof(SharedFloats), nullptr, out, pitch);
}

void launch_tile_product(const bfloat16* a, float* out, int pitch, int products) {
  launch("tile_product", tile_product, Grid{}, 32, sizeof(Tile), nullptr, a, out, pitch, products);
}

}  // namespace cheems::cuda_on_cpu
