// Stochastic rounding from float32 to bfloat16: up or down to a neighbor, with probabilities that make the mean exact.
// Updates below half a unit in the last place then move a weight on average; rounding to nearest would lose them.
//
// The random bits of an element are a function of (seed, step, index) alone: 64 bits, of which the parameter, the first
// and the second moment take 16 each. Host and device compute the same (core/random_bits.h). Source: Gupta et al. 2015
// (arXiv 1502.02551), section 3.
#pragma once

#include "core/random_bits.h"

namespace cheems {

// The stream of one update: `seed` as in AdamWUpdate.
inline uint64_t rounding_key(uint64_t seed, int64_t step) { return random_key(seed, static_cast<uint64_t>(step)); }

struct RoundingBits {
  uint32_t parameter, first_moment, second_moment;  // 16 bits each
};

// Of element `index`, counted from the start of the parameter.
CHEEMS_HOST_DEVICE RoundingBits rounding_bits(uint64_t key, uint64_t index) {
  const uint64_t bits = random_bits(key, index);
  return {static_cast<uint32_t>(bits >> 48), static_cast<uint32_t>(bits >> 32) & 0xffffu,
          static_cast<uint32_t>(bits >> 16) & 0xffffu};
}

// The bits of a float32 to those of a bfloat16. `random` in [0, 65536) is added below the kept bits, and the sum is
// truncated: a value that lies the fraction f of the way to the next larger magnitude rounds up for the fraction f of
// all `random`. Values that bfloat16 holds stay the same; NaN stays a (quiet) NaN and Inf an Inf.
CHEEMS_HOST_DEVICE uint16_t round_stochastically(uint32_t float_bits, uint32_t random) {
  const bool nan = (float_bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>((nan ? float_bits | 0x00400000u : float_bits + random) >> 16);
}

}  // namespace cheems
