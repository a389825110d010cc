// The built-ins of CUDA C++ for kernels executed on the CPU: threadIdx, barriers, shuffles, votes, integer atomics and
// mathematical functions. Included by the model's cuda_runtime.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "testing/cuda_on_cpu/kernel_calls.h"

#define threadIdx (::cheems::cuda_on_cpu::thread_index())
#define blockIdx (::cheems::cuda_on_cpu::block_index())
#define blockDim (::cheems::cuda_on_cpu::block_extent())
#define gridDim (::cheems::cuda_on_cpu::grid_extent())
constexpr int warpSize = 32;

using std::max;
using std::min;

// The source location of a call, as defaults of two last parameters that no caller passes.
#define CHEEMS_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(CHEEMS_PLACE) { ::cheems::cuda_on_cpu::block_barrier({file, line}); }
inline void __syncwarp(unsigned mask = 0xffffffffu, CHEEMS_PLACE) {
  ::cheems::cuda_on_cpu::warp_collective(::cheems::cuda_on_cpu::Collective::synchronize, mask, nullptr, nullptr, 0,
                                         {file, line});
}
inline void __threadfence() { ::cheems::cuda_on_cpu::memory_fence(); }
inline void __threadfence_block() {}

namespace cheems::cuda_on_cpu {

template <class T>
T shuffle(unsigned mask, T value, int source_lane, Place place) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "a shuffle moves 4 or 8 bytes");
  std::uint64_t given = 0, taken;
  std::memcpy(&given, &value, sizeof value);
  warp_collective(Collective::shuffle, mask, &given, &taken, source_lane, place);
  std::memcpy(&value, &taken, sizeof value);
  return value;
}

inline std::uint32_t ballot(unsigned mask, bool vote, Place place) {
  std::uint32_t votes;
  warp_collective(Collective::ballot, mask, nullptr, &votes, vote, place);
  return votes;
}

}  // namespace cheems::cuda_on_cpu

// A lane whose source lies outside its segment of `width` lanes keeps its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CHEEMS_PLACE) {
  const int lane = ::cheems::cuda_on_cpu::lane_index();
  return ::cheems::cuda_on_cpu::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, CHEEMS_PLACE) {
  const int lane = ::cheems::cuda_on_cpu::lane_index(), source = lane ^ lane_mask;
  const bool beyond = source >= (lane & ~(width - 1)) + width;
  return ::cheems::cuda_on_cpu::shuffle(mask, value, beyond ? lane : source, {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CHEEMS_PLACE) {
  const int lane = ::cheems::cuda_on_cpu::lane_index(), source = lane + static_cast<int>(delta);
  const bool beyond = source >= (lane & ~(width - 1)) + width;
  return ::cheems::cuda_on_cpu::shuffle(mask, value, beyond ? lane : source, {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CHEEMS_PLACE) {
  const int lane = ::cheems::cuda_on_cpu::lane_index(), source = lane - static_cast<int>(delta);
  const bool beyond = source < (lane & ~(width - 1));
  return ::cheems::cuda_on_cpu::shuffle(mask, value, beyond ? lane : source, {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int vote, CHEEMS_PLACE) {
  return ::cheems::cuda_on_cpu::ballot(mask, vote != 0, {file, line});
}
inline int __any_sync(unsigned mask, int vote, CHEEMS_PLACE) {
  return ::cheems::cuda_on_cpu::ballot(mask, vote != 0, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int vote, CHEEMS_PLACE) {
  return ::cheems::cuda_on_cpu::ballot(mask, vote != 0, {file, line}) == mask;
}

#undef CHEEMS_PLACE

template <class T>
inline T __ldg(const T* address) {
  return *address;
}
template <class T>
inline void __stcs(T* address, T value) {
  *address = value;
}
template <class T>
inline T __ldcs(const T* address) {
  return *address;
}

// Integer atomics. The functions must not be inlined: their return address identifies the call.
#define CHEEMS_ATOMIC_32(name, operation, type, is_signed)                                            \
  [[gnu::noinline]] inline type name(type* address, type value) {                                     \
    return static_cast<type>(::cheems::cuda_on_cpu::atomic_32(                                        \
        ::cheems::cuda_on_cpu::AtomicOperation::operation, reinterpret_cast<std::uint32_t*>(address), \
        static_cast<std::uint32_t>(value), 0, is_signed, __builtin_return_address(0)));               \
  }
CHEEMS_ATOMIC_32(atomicAdd, add, int, true)
CHEEMS_ATOMIC_32(atomicAdd, add, unsigned, false)
CHEEMS_ATOMIC_32(atomicExch, exchange, int, true)
CHEEMS_ATOMIC_32(atomicExch, exchange, unsigned, false)
CHEEMS_ATOMIC_32(atomicMin, minimum, int, true)
CHEEMS_ATOMIC_32(atomicMin, minimum, unsigned, false)
CHEEMS_ATOMIC_32(atomicMax, maximum, int, true)
CHEEMS_ATOMIC_32(atomicMax, maximum, unsigned, false)
CHEEMS_ATOMIC_32(atomicAnd, bit_and, unsigned, false)
CHEEMS_ATOMIC_32(atomicOr, bit_or, unsigned, false)
#undef CHEEMS_ATOMIC_32

[[gnu::noinline]] inline unsigned atomicCAS(unsigned* address, unsigned compare, unsigned value) {
  return ::cheems::cuda_on_cpu::atomic_32(::cheems::cuda_on_cpu::AtomicOperation::compare_and_swap, address, value,
                                          compare, false, __builtin_return_address(0));
}
[[gnu::noinline]] inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  return ::cheems::cuda_on_cpu::atomic_64(::cheems::cuda_on_cpu::AtomicOperation::add,
                                          reinterpret_cast<std::uint64_t*>(address), value, 0,
                                          __builtin_return_address(0));
}

inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
