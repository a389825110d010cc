// Counter-based random bits, the same on the host and inside a kernel: number `index` of a stream is a hash of (seed,
// stream, index) and depends on no number before it, so that every thread of a device draws its own.
//
// The hash is SplitMix64's output function (Steele, Lea & Flood 2014) at state key + (index + 1) * 0x9e3779b97f4a7c15:
// these are the very numbers of RandomStream(seed, stream) in core/random.h, in order.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define CHEEMS_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define CHEEMS_HOST_DEVICE inline
#endif

namespace cheems {

CHEEMS_HOST_DEVICE uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// What random_bits needs to know about the stream; computed once, on the host.
CHEEMS_HOST_DEVICE uint64_t random_key(uint64_t seed, uint64_t stream) {
  return mix_bits(seed + 0x9e3779b97f4a7c15ull) ^ mix_bits((stream + 1) * 0xd1342543de82ef95ull);
}

CHEEMS_HOST_DEVICE uint64_t random_bits(uint64_t key, uint64_t index) {
  return mix_bits(key + (index + 1) * 0x9e3779b97f4a7c15ull);
}

}  // namespace cheems
