// The lowest layer of device.cuh on the CPU: each instruction is a call into the execution model. Include device.cuh
// instead.
#pragma once

#include <cmath>
#include <tuple>
#include <type_traits>

#include "testing/cuda_on_cpu/kernel_calls.h"

namespace cheems::cuda {

template <class Layout>
Layout& shared_memory() {
  static_assert(alignof(Layout) <= 128, "shared memory is aligned to 128 bytes");
  return *reinterpret_cast<Layout*>(cuda_on_cpu::shared_memory_start());
}

// Vector accesses report themselves, in functions that are neither instrumented nor inlined: otherwise the compiler
// would split the pack into its values and report those.
template <int N, class T>
[[gnu::noinline, gnu::no_sanitize("thread")]] Vector<T, N> load_vector(const T* from) {
  cuda_on_cpu::note_read(from, sizeof(Vector<T, N>), __builtin_return_address(0));
  Vector<T, N> vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

template <class T, int N>
[[gnu::noinline, gnu::no_sanitize("thread")]] void store_vector(T* to, Vector<T, N> vector) {
  cuda_on_cpu::note_write(to, sizeof vector, __builtin_return_address(0));
  std::memcpy(to, &vector, sizeof vector);
}

[[gnu::noinline]] inline void cp_async_16(void* shared, const void* global, bool valid = true) {
  cuda_on_cpu::async_copy_16(shared, global, valid, __builtin_return_address(0));
}
inline void cp_async_commit() { cuda_on_cpu::async_commit(); }
template <int Pending>
void cp_async_wait() {
  cuda_on_cpu::async_wait(Pending);
}

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  cuda_on_cpu::warp_collective(cuda_on_cpu::Collective::load_matrices, kWholeWarp, row, r, 4, {file, line});
}
inline void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* row, const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
  cuda_on_cpu::warp_collective(cuda_on_cpu::Collective::load_matrices, kWholeWarp, row, r, -4, {file, line});
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  cuda_on_cpu::warp_collective(cuda_on_cpu::Collective::load_matrices, kWholeWarp, row, r, 2, {file, line});
}
inline void ldmatrix_x2_transposed(uint32_t (&r)[2], const void* row, const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
  cuda_on_cpu::warp_collective(cuda_on_cpu::Collective::load_matrices, kWholeWarp, row, r, -2, {file, line});
}

inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                         const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const cuda_on_cpu::MmaOperands operands{a, b};
  cuda_on_cpu::warp_collective(cuda_on_cpu::Collective::multiply_accumulate, kWholeWarp, &operands, d, 0, {file, line});
}

inline float fast_exp(float x) { return std::exp(x); }
inline float fast_exp2(float x) { return std::exp2(x); }
inline float fast_tanh(float x) { return std::tanh(x); }

// Launches a kernel. Unlike on a GPU, the kernel has run when this returns, and its faults are thrown here as Errors.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Grid grid, int threads, int64_t shared_bytes,
            cudaStream_t stream, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > 48 * 1024) {
    cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                         static_cast<int>(shared_bytes));
  }
  static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                "the parameters of a kernel are copied byte by byte");
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> parameters;
  } call{kernel, std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)};
  cuda_on_cpu::launch({name, reinterpret_cast<const void*>(kernel), grid.x, grid.y, grid.z, threads, shared_bytes,
                       stream,
                       [](void* pack) {
                         const Call& every_thread_copies = *static_cast<const Call*>(pack);
                         std::apply(every_thread_copies.kernel, every_thread_copies.parameters);
                       },
                       &call, sizeof call});
  if (const cudaError_t status = cudaGetLastError())
    fail_launch(status, name, grid.x, grid.y, grid.z, threads, shared_bytes);
}

}  // namespace cheems::cuda
