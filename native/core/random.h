// Seeded random numbers that are the same on every machine and for any number of threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace cheems {

// SplitMix64 (Steele, Lea & Flood 2014): number i of a stream is a hash of (seed, i), so streams can be cut anywhere.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream)
      : state_(mix(seed + kStep) ^ mix((stream + 1) * 0xd1342543de82ef95ull)) {}

  uint64_t next() { return mix(state_ += kStep); }
  // Uniform in (0, 1].
  double uniform() { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }
  // Standard normal, by Box and Muller (1958); each call uses two uniforms.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15ull;
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

}  // namespace cheems
