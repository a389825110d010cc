// NVIDIA's bfloat16 type and conversions for code executed on the CPU. Deliberately fewer than NVIDIA's: no implicit
// conversion and no arithmetic, so that a kernel shows explicitly where it rounds.
#pragma once

#include <bit>
#include <cstdint>

#include "core/dtype.h"

struct __nv_bfloat16 {
  std::uint16_t bits;
};

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline float __bfloat162float(__nv_bfloat16 value) { return cheems::bfloat16_to_float(value.bits); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return {cheems::float_to_bfloat16(value)}; }
inline __nv_bfloat16 __float2bfloat16(float value) { return __float2bfloat16_rn(value); }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {__float2bfloat16_rn(x), __float2bfloat16_rn(y)};
}
inline std::uint16_t __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(std::uint16_t bits) { return {bits}; }
