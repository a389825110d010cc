// A standard normal number by counter, the same arithmetic on the host and on the device.
//
// The generator: the 64 bits number `index` of a stream (core/random_bits.h: SplitMix64 by counter), of which the high
// half makes a uniform u in (0, 1] and the low half an angle; sqrt(-2 log u) cos(angle) is normal (Box & Muller 1958).
// With 32 bits for u no number is larger than 6.8, which is rare enough not to matter for weights.
#pragma once

#include <cmath>

#include "core/random_bits.h"

namespace cheems {

// cos(2 pi turns) for turns in [0, 1], to 3e-7: folded into a quarter of the circle, then Taylor's series. (The
// library's cosine reduces arguments of any size, for which a kernel would need a stack frame.)
CHEEMS_HOST_DEVICE float cosine_of_turns(float turns) {
  const float half = fabsf(turns - 0.5f);                  // cos(2 pi turns) = -cos(2 pi half), half in [0, 1/2]
  const float folded = half > 0.25f ? 0.5f - half : half;  // cos(2 pi half) = -cos(2 pi folded) beyond a quarter
  const float x = 39.4784176f * folded * folded;           // the angle's square, at most (pi / 2)^2
  float cosine = fmaf(x, 1.0f / 479001600, -1.0f / 3628800);
  cosine = fmaf(x, cosine, 1.0f / 40320);
  cosine = fmaf(x, cosine, -1.0f / 720);
  cosine = fmaf(x, cosine, 1.0f / 24);
  cosine = fmaf(x, cosine, -0.5f);
  cosine = fmaf(x, cosine, 1.0f);
  return half > 0.25f ? cosine : -cosine;
}

// From the 64 bits of one number.
CHEEMS_HOST_DEVICE float normal_from_bits(uint64_t bits) {
  const float uniform = fmaf(static_cast<float>(static_cast<uint32_t>(bits >> 32)), 0x1p-32f, 0x1p-33f);
  const float turns = static_cast<float>(static_cast<uint32_t>(bits)) * 0x1p-32f;
  return sqrtf(-2.0f * logf(uniform)) * cosine_of_turns(turns);
}

}  // namespace cheems
