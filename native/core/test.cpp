#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"

using namespace cheems;

namespace {

// The value of a float16 by the definition of IEEE 754, in double: the oracle of the conversions.
double float16_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = (bits & 1023) / 1024.0;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1.0 + fraction, exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}

bool is_nan16(std::uint16_t bits) { return (bits & 0x7fff) > 0x7c00; }

}  // namespace

TEST_CASE("an error is one sentence made of its parts") {
  CHECK_THROWS_WITH_AS(fail("tensor ", std::string("a"), " has ", 3, " entries"), "tensor a has 3 entries", Error);
}

TEST_CASE("every float16 widens to its value and comes back as the same bits") {
  int wrong = 0;
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = to_float(bits, DType::float16);
    if (is_nan16(bits)) {
      wrong += !std::isnan(value) || !is_nan16(float_to_float16(value));
    } else if ((bits & 0x7fff) == 0x7c00) {
      wrong += !std::isinf(value) || std::signbit(value) != (bits >> 15) || float_to_float16(value) != bits;
    } else {
      wrong += value != float16_by_definition(bits) || float_to_float16(value) != bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("float32 rounds to the nearest float16, ties to even") {
  int wrong = 0;
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = float16_by_definition(bits), high = float16_by_definition(bits + 1);
    const float middle = static_cast<float>((low + high) / 2);  // exact: one more bit than float16 has
    const std::uint16_t even = bits & 1 ? bits + 1 : bits;
    wrong += float_to_float16(middle) != even;
    wrong += float_to_float16(std::nextafter(middle, 0.0f)) != bits;
    wrong += float_to_float16(std::nextafter(middle, 1e9f)) != bits + 1;
    wrong += float_to_float16(-middle) != (even | 0x8000);
  }
  CHECK(wrong == 0);
  CHECK(float_to_float16(65519.996f) == 0x7bff);
  CHECK(float_to_float16(65520.0f) == 0x7c00);
  CHECK(float_to_float16(1e-30f) == 0);
  CHECK(float_to_float16(-1e-40f) == 0x8000);
}

TEST_CASE("bfloat16 is the upper half of a float32, rounded to nearest even") {
  int wrong = 0;
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = to_float(bits, DType::bfloat16);
    const bool nan = (bits & 0x7fff) > 0x7f80;
    wrong += std::isnan(value) != nan;
    wrong += nan ? !std::isnan(to_float(float_to_bfloat16(value), DType::bfloat16)) : float_to_bfloat16(value) != bits;
    if ((bits & 0x7fff) >= 0x7f80) continue;
    const auto middle = std::bit_cast<float>((i << 16) | 0x8000u);
    wrong += float_to_bfloat16(middle) != ((i & 1) ? i + 1 : i);
    wrong += float_to_bfloat16(std::bit_cast<float>((i << 16) | 0x7fffu)) != i;
    wrong += float_to_bfloat16(std::bit_cast<float>((i << 16) | 0x8001u)) != i + 1;
  }
  CHECK(wrong == 0);
  CHECK(float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

TEST_CASE("widen and narrow read and write at any alignment") {
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float16}) {
    CAPTURE(std::string(name(dtype)));
    const std::vector<float> values = {0.0f, -1.5f, 2.0f, 0.25f, 96.0f, -0.0f, 3.0f};
    std::vector<unsigned char> bytes(values.size() * size_of(dtype) + 1);
    narrow(values.data(), dtype, bytes.data() + 1, values.size());
    std::vector<float> back(values.size());
    widen(bytes.data() + 1, dtype, back.data(), back.size());
    CHECK(back == values);
    widen(nullptr, dtype, nullptr, 0);
  }
}
