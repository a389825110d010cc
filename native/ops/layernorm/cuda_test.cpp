#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/layernorm/layernorm.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

// y in x's dtype, or with `wide` in float32, as before the reward head.
void check_norm(int64_t rows, int64_t columns, bool wide = false, CheckOptions options = {}) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(wide);
  auto x = random_floats(rows * columns, 1, 3);
  for (float& value : x) value += 2;
  const auto weight = random_floats(columns, 2), bias = random_floats(columns, 3);
  check_operation(
      {.widest_row = columns, .rows = rows},
      [&](Site& site) -> OutputList {
        const Tensor in = site.activations(rows, columns, x),
                     y = wide ? site.floats(rows, columns, {}, 5) : site.activations(rows, columns, {}, 5);
        site->layernorm_forward(
            {.y = y, .x = in, .weight = site.vector(weight), .bias = site.vector(bias), .epsilon = 1e-7f});
        if (!wide) {
          const Tensor in_place = site.activations(rows, columns, x, 5);
          site->layernorm_forward({.y = in_place,
                                   .x = in_place,
                                   .weight = site.vector(weight),
                                   .bias = site.vector(bias),
                                   .epsilon = 1e-7f});
          CHECK(same_bits(site.values(in_place), site.values(y)));
        }
        return {{"y", site.values(y), kOutputs}};
      },
      options);
}

// One to eight vectors a thread in either dtype, and past them the plain kernel.
TEST_CASE("layernorm on the device: every width of row up to the widest, and beyond") {
  for (const bool wide : {false, true}) {
    check_norm(1, 2, wide);
    check_norm(3, 5, wide);
    check_norm(5, 40, wide);
    check_norm(70, 64, wide);
    for (const int64_t columns : {512, 1024, 1040, 2056}) check_norm(3, columns, wide);
  }
  for (const int64_t columns : {4096, 4104, 8192, 8200}) check_norm(2, columns, false, {.cpu = false});
}

TEST_CASE("layernorm on the device: a row's bits do not depend on the rows beside it; nothing to do") {
  constexpr int64_t kColumns = 1032;
  const auto x = random_floats(9 * kColumns, 1), weight = random_floats(kColumns, 2), bias = random_floats(kColumns, 3);
  const auto norm_of = [&](int64_t first, int64_t rows) {
    Site site(device_backend(), {}, {}, {}, Placement::aligned);
    const std::vector<float> part(x.begin() + first * kColumns, x.begin() + (first + rows) * kColumns);
    const Tensor y = site.activations(rows, kColumns);
    site->layernorm_forward({.y = y,
                             .x = site.activations(rows, kColumns, part),
                             .weight = site.vector(weight),
                             .bias = site.vector(bias),
                             .epsilon = 1e-7f});
    CHECK(site.guards_hold());
    return site.values(y).numbers;
  };
  const std::vector<double> all = norm_of(0, 9), alone = norm_of(7, 1);
  CHECK(std::equal(alone.begin(), alone.end(), all.begin() + 7 * kColumns));
  CHECK(norm_of(0, 0).empty());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

TEST_CASE(
    "layernorm on the device reads x once and writes y once; beside them the weight and the bias, once per row from "
    "the "
    "cache") {
  constexpr int64_t kRows = 64, kColumns = 1024;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    Site site(device_backend(), {}, {dtype, DType::float32}, {dtype, DType::float32}, Placement::aligned);
    const Tensor x = site.activations(kRows, kColumns, random_floats(kRows * kColumns, 1)),
                 y = site.activations(kRows, kColumns);
    const Tensor weight = site.vector(random_floats(kColumns, 2)), bias = site.vector(random_floats(kColumns, 3));
    const cuda_on_cpu::TrafficScope traffic;
    site->layernorm_forward({.y = y, .x = x, .weight = weight, .bias = bias, .epsilon = 1e-7f});
    for (const auto& [kernel, moved] : traffic.all()) CHECK(moved.bank_conflicts == 0);
    const auto element = static_cast<int64_t>(size_of(dtype));
    // A thread's eight float32 numbers beside eight bfloat16 ones are two accesses that touch the same sectors.
    CHECK(traffic.of("layernorm_forward").sector_bytes() <=
          kRows * kColumns * (2 * element + 2 * 4 * (dtype == DType::bfloat16 ? 2 : 1)));
  }
}

#endif

}  // namespace
}  // namespace cheems
