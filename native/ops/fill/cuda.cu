// Casts between float32 and bfloat16, and normal random numbers made on the device. Contract: ops/fill/fill.h.
//
// Floor: cast 6 bytes per number between the two dtypes (8 or 4 within one); fill_normal writes 4 or 2. A normal number
// costs about 60 operations with a logarithm and a square root: less time than the memory takes in float32, about the
// same in bfloat16. Layout: a thread takes 4 numbers, a block 1024: in whole vectors if the pointers allow it, else one
// by one; the last few numbers always one by one.
#include "backends/cuda/device.cuh"
#include "core/error.h"
#include "ops/fill/fill.h"
#include "ops/fill/normal.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 256, kWidth = 4;

// Calls wide(i) for the numbers [i, i + kWidth) of this thread, or single(i) for each of them if they are not a whole
// vector.
template <bool Wide, class Vectors, class Singles>
__device__ __forceinline__ void for_this_thread(int64_t count, Vectors wide, Singles single) {
  const int64_t block = static_cast<int64_t>(blockIdx.x) * (kThreads * kWidth), begin = block + threadIdx.x * kWidth;
  if constexpr (Wide) {
    if (begin + kWidth <= count) return wide(begin);
    for (int64_t i = begin; i < count; ++i) single(i);
  } else {
    for (int64_t i = block + threadIdx.x; i < count && i < block + kThreads * kWidth; i += kThreads) single(i);
  }
}

template <class To, class From, bool Wide>
__global__ __launch_bounds__(kThreads) void cast_kernel(To* to, const From* from, int64_t count) {
  for_this_thread<Wide>(
      count,
      [&](int64_t i) {
        const auto source = load_vector<kWidth>(from + i);
        Vector<To, kWidth> result;
#pragma unroll
        for (int c = 0; c < kWidth; ++c) result.values[c] = from_float<To>(to_float(source.values[c]));
        store_vector(to + i, result);
      },
      [&](int64_t i) { to[i] = from_float<To>(to_float(from[i])); });
}

template <class To, bool Wide>
__global__ __launch_bounds__(kThreads) void fill_normal_kernel(To* to, int64_t count, float scale, uint64_t key) {
  const auto number = [&](int64_t i) {
    return from_float<To>(scale * normal_from_bits(random_bits(key, static_cast<uint64_t>(i))));
  };
  for_this_thread<Wide>(
      count,
      [&](int64_t i) {
        Vector<To, kWidth> result;
#pragma unroll
        for (int c = 0; c < kWidth; ++c) result.values[c] = number(i + c);
        store_vector(to + i, result);
      },
      [&](int64_t i) { to[i] = number(i); });
}

template <class T>
bool vectors_fit(const T* data) {
  return reinterpret_cast<uintptr_t>(data) % (kWidth * sizeof(T)) == 0;
}

Grid grid_for(int64_t count) { return {divide_up(count, kThreads * kWidth)}; }

template <class To, class From>
void launch_cast(void* destination, const void* source, int64_t count, Context& context) {
  auto* to = static_cast<To*>(destination);
  const auto* from = static_cast<const From*>(source);
  const auto kernel = vectors_fit(to) && vectors_fit(from) ? cast_kernel<To, From, true> : cast_kernel<To, From, false>;
  launch("cast", kernel, grid_for(count), kThreads, 0, context.stream, to, from, count);
}

template <class To>
void launch_fill(void* destination, int64_t count, float scale, uint64_t key, Context& context) {
  auto* to = static_cast<To*>(destination);
  launch("fill_normal", vectors_fit(to) ? fill_normal_kernel<To, true> : fill_normal_kernel<To, false>, grid_for(count),
         kThreads, 0, context.stream, to, count, scale, key);
}

void refuse_float16(DType dtype, const char* what) {
  if (dtype == DType::float16) fail("The CUDA backend ", what, " float32 and bfloat16, not float16.");
}

}  // namespace

void cast(void* destination, DType to, const void* source, DType from, int64_t count, Context& context) {
  refuse_float16(to, "casts between");
  refuse_float16(from, "casts between");
  if (count == 0) return;
  const bool to_float32 = to == DType::float32, from_float32 = from == DType::float32;
  if (to_float32 && from_float32) return launch_cast<float, float>(destination, source, count, context);
  if (to_float32) return launch_cast<float, bfloat16>(destination, source, count, context);
  if (from_float32) return launch_cast<bfloat16, float>(destination, source, count, context);
  launch_cast<bfloat16, bfloat16>(destination, source, count, context);
}

void fill_normal(void* destination, DType dtype, int64_t count, float scale, uint64_t seed, uint64_t stream,
                 Context& context) {
  refuse_float16(dtype, "makes random numbers in");
  if (count == 0) return;
  const uint64_t key = random_key(seed, stream);
  if (dtype == DType::float32) launch_fill<float>(destination, count, scale, key, context);
  else launch_fill<bfloat16>(destination, count, scale, key, context);
}

}  // namespace cheems::cuda
