// The lowest layer of device.cuh on a GPU: PTX instructions (sm_80 and later) and the launch. Include device.cuh
// instead.
#pragma once

namespace cheems::cuda {

// The instructions that read shared memory need 32-bit addresses within it.
__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

template <class Layout>
__device__ __forceinline__ Layout& shared_memory() {
  static_assert(alignof(Layout) <= 128, "shared memory is aligned to 128 bytes");
  extern __shared__ __align__(128) unsigned char cheems_shared_bytes[];
  return *reinterpret_cast<Layout*>(cheems_shared_bytes);
}

// The machine word that moves Bytes bytes at once.
template <int Bytes>
struct VectorWord;
template <>
struct VectorWord<4> {
  using type = uint32_t;
};
template <>
struct VectorWord<8> {
  using type = uint2;
};
template <>
struct VectorWord<16> {
  using type = uint4;
};

template <int N, class T>
__device__ __forceinline__ Vector<T, N> load_vector(const T* from) {
  using Word = typename VectorWord<N * sizeof(T)>::type;
  const Word word = *reinterpret_cast<const Word*>(from);
  Vector<T, N> vector;
  memcpy(&vector, &word, sizeof vector);
  return vector;
}

template <class T, int N>
__device__ __forceinline__ void store_vector(T* to, Vector<T, N> vector) {
  using Word = typename VectorWord<N * sizeof(T)>::type;
  Word word;
  memcpy(&word, &vector, sizeof vector);
  *reinterpret_cast<Word*>(to) = word;
}

// If `valid` is false, sixteen zero bytes are written and `global` is not read.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
// Waits until at most Pending of this thread's newest groups are still under way.
template <int Pending>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
}

__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
// The x2 forms use the addresses of lanes 0 to 15; those of the other lanes must also be readable.
__device__ __forceinline__ void ldmatrix_x2(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x2_transposed(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ float fast_exp(float x) { return __expf(x); }
__device__ __forceinline__ float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float fast_tanh(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Queues the kernel on the stream. Its own faults show at the next synchronization; a launch that the device refuses is
// an Error here. More than 48 KiB of shared memory must be requested first, which this does too.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Grid grid, int threads, int64_t shared_bytes,
            cudaStream_t stream, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (grid.x < 0 || grid.x > 0x7fffffff || grid.y < 0 || grid.y > 65535 || grid.z < 0 || grid.z > 65535) {
    fail("CUDA kernel ", name, " cannot be launched: a grid of ", grid.x, " x ", grid.y, " x ", grid.z,
         " blocks is beyond what CUDA allows (2147483647 x 65535 x 65535).");
  }
  cudaError_t status = cudaSuccess;
  if (shared_bytes > 48 * 1024) {
    status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shared_bytes));
  }
  if (status == cudaSuccess) {
    const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
    kernel<<<blocks, dim3(static_cast<unsigned>(threads)), static_cast<size_t>(shared_bytes), stream>>>(
        static_cast<Parameters>(arguments)...);
    status = cudaGetLastError();
  }
  if (status != cudaSuccess) {
    fail_launch(status, name, grid.x, grid.y, grid.z, threads, shared_bytes);
  }
}

}  // namespace cheems::cuda
