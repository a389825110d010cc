// The floating point types that weights are stored in, and their conversion to and from float32.
//
// bfloat16 and float16 values are stored as their 16 bits. All conversions are exact if the target can hold the value,
// and otherwise round to nearest, ties to even. They need no particular CPU feature, give the same bits under
// flush-to-zero, and keep NaN a (quiet) NaN and Inf an Inf.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cheems {

enum class DType { float32, bfloat16, float16 };

// Bytes per element.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::float32 ? 4 : 2; }

// The name as in config.json ("torch_dtype", "dtype").
constexpr const char* name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float16:
      return "float16";
  }
  return "unknown";
}

inline float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet_nan = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

// Without branches, so that loops over it are vectorized. A float16 subnormal is a normal float32: it is built as 2^-14
// + fraction, from which 2^-14 is subtracted exactly.
inline float float16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  const std::uint32_t exponent = magnitude & 0x0f800000u;
  const std::uint32_t normal = magnitude + (112u << 23);
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude + (113u << 23)) - 0x1p-14f);
  const std::uint32_t quiet = magnitude > 0x0f800000u ? 0x00400000u : 0u;
  const std::uint32_t inf_or_nan = (magnitude + (224u << 23)) | quiet;
  const std::uint32_t result = exponent == 0x0f800000u ? inf_or_nan : (exponent == 0 ? subnormal : normal);
  return std::bit_cast<float>(result | sign);
}

// Values of 65520 and above become Inf.
inline std::uint16_t float_to_float16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t result;
  if (magnitude > 0x7f800000u) {
    result = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {
    result = 0x7c00u;
  } else if (magnitude < (113u << 23)) {
    // Adding 0.5 shifts the float16 subnormal's bits to the end of the fraction; the addition does the rounding.
    result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - (126u << 23);
  } else {
    result = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(result | sign);
}

// Only for 16-bit types: `bits` is a bfloat16 or a float16.
inline float to_float(std::uint16_t bits, DType dtype) {
  return dtype == DType::bfloat16 ? bfloat16_to_float(bits) : float16_to_float(bits);
}

// Writes `count` values of `source` as float32. `source` may be unaligned; the two must not overlap.
inline void widen(const void* source, DType dtype, float* destination, std::size_t count) {
  if (count == 0) return;
  if (dtype == DType::float32) {
    std::memcpy(destination, source, count * sizeof(float));
    return;
  }
  const unsigned char* bytes = static_cast<const unsigned char*>(source);
  const auto load = [bytes](std::size_t i) {
    std::uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof bits);
    return bits;
  };
  if (dtype == DType::bfloat16) {
    for (std::size_t i = 0; i < count; ++i) destination[i] = bfloat16_to_float(load(i));
  } else {
    for (std::size_t i = 0; i < count; ++i) destination[i] = float16_to_float(load(i));
  }
}

// Writes `count` float32 values as `dtype`, rounded to nearest even. `destination` may be unaligned.
inline void narrow(const float* source, DType dtype, void* destination, std::size_t count) {
  if (count == 0) return;
  if (dtype == DType::float32) {
    std::memcpy(destination, source, count * sizeof(float));
    return;
  }
  unsigned char* bytes = static_cast<unsigned char*>(destination);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits = dtype == DType::bfloat16 ? float_to_bfloat16(source[i]) : float_to_float16(source[i]);
    std::memcpy(bytes + 2 * i, &bits, sizeof bits);
  }
}

// Rounds in place to the values of a dtype, to nearest even: the same numbers as after narrow() and widen().
inline void round_to(DType dtype, float* values, std::size_t count) {
  if (dtype == DType::float32) return;
  for (std::size_t i = 0; i < count; ++i) {
    const bool brain = dtype == DType::bfloat16;
    values[i] = brain ? bfloat16_to_float(float_to_bfloat16(values[i])) : float16_to_float(float_to_float16(values[i]));
  }
}

}  // namespace cheems
