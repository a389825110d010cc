#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/rmsnorm/rmsnorm.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

// y in x's dtype, or with `wide` in float32, as before the reward head.
void check_rmsnorm(int64_t rows, int64_t columns, float offset, bool wide = false, CheckOptions options = {}) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(wide);
  const int64_t count = rows * columns;
  const auto x = random_floats(count, 1, 3), weight = random_floats(columns, 2);
  const auto dy = random_floats(count, 3), dx_before = random_floats(count, 4), dw_before = random_floats(columns, 5);
  check_operation(
      {.widest_row = columns, .rows = rows, .backward = true},
      [&](Site& site) -> OutputList {
        const auto output = [&](const std::vector<float>& values) {
          return wide ? site.floats(rows, columns, values, 5) : site.activations(rows, columns, values, 5);
        };
        const Tensor in = site.activations(rows, columns, x), w = site.vector(weight), r = site.vector(rows),
                     y = output({}), y_again = output({});
        const Tensor dx = site.activations(rows, columns, dx_before, 1), dw = site.vector(dw_before);
        site->rmsnorm_forward(
            {.y = y, .inverse_rms = r, .x = in, .weight = w, .epsilon = 1e-5f, .weight_offset = offset});
        site->rmsnorm_apply({.y = y_again, .x = in, .inverse_rms = r, .weight = w, .weight_offset = offset});
        CHECK(same_bits(site.values(y_again), site.values(y)));
        const Tensor sum = output({}), in_place = output(dy);
        site->rmsnorm_forward({.y = sum,
                               .inverse_rms = r,
                               .x = in,
                               .weight = w,
                               .epsilon = 1e-5f,
                               .weight_offset = offset,
                               .residual = output(dy)});
        site->rmsnorm_forward({.y = in_place,
                               .inverse_rms = r,
                               .x = in,
                               .weight = w,
                               .epsilon = 1e-5f,
                               .weight_offset = offset,
                               .residual = in_place});
        CHECK(same_bits(site.values(in_place), site.values(sum)));
        site->rmsnorm_backward({.dx = dx,
                                .d_weight = dw,
                                .dy = output(dy),
                                .x = in,
                                .inverse_rms = r,
                                .weight = w,
                                .weight_offset = offset});
        return {{"y", site.values(y), kOutputs},
                {"y with residual", site.values(sum), kOutputs},
                {"inverse_rms", site.values(r), kOutputs},
                {"dx", site.values(dx), kGradients},
                {"d_weight", site.values(dw), kGradients}};
      },
      options);
}

TEST_CASE("rmsnorm on the device: narrow rows, one and many to a block") {
  for (const bool wide : {false, true}) {
    check_rmsnorm(1, 1, 0, wide);
    check_rmsnorm(3, 5, 1, wide);
    check_rmsnorm(5, 33, 0, wide);
    check_rmsnorm(6, 64, 1, wide);
    check_rmsnorm(70, 40, 0, wide);
  }
  check_rmsnorm(1030, 8, 0);  // more rows than blocks
}

// Each width takes other threads in float32 or in bfloat16: a warp with 4 vectors a lane, blocks of 128, 256 and 512
// with 2, 4 and 8 vectors a thread, and beyond them the plain kernels.
TEST_CASE("rmsnorm on the device: every width of row up to the widest, and beyond") {
  check_rmsnorm(5, 512, 0);
  check_rmsnorm(5, 896, 0);
  check_rmsnorm(3, 1040, 1);
  check_rmsnorm(3, 2056, 0);
  check_rmsnorm(2, 4104, 0);
  for (const int64_t columns : {8200, 16384, 16392}) check_rmsnorm(2, columns, 0, false, {.cpu = false});
}

TEST_CASE("rmsnorm on the device: every width in float32 beside a bfloat16 input") {
  for (const int64_t columns : {520, 1040, 2056, 4104, 8200, 16392}) check_rmsnorm(2, columns, 0, true, {.cpu = false});
}

TEST_CASE("rmsnorm on the device: a row's bits do not depend on the rows beside it") {
  for (const int64_t columns : {40, 1032, 2056}) {
    const auto x = random_floats(9 * columns, 1), weight = random_floats(columns, 2);
    const auto norm_of = [&](int64_t first, int64_t rows) {
      Site site(device_backend(), {}, {}, {}, Placement::aligned);
      const std::vector<float> part(x.begin() + first * columns, x.begin() + (first + rows) * columns);
      const Tensor y = site.activations(rows, columns), r = site.vector(rows);
      site->rmsnorm_forward({.y = y,
                             .inverse_rms = r,
                             .x = site.activations(rows, columns, part),
                             .weight = site.vector(weight),
                             .epsilon = 1e-6f});
      return site.values(y).numbers;
    };
    const std::vector<double> all = norm_of(0, 9), alone = norm_of(7, 1);
    CHECK(std::equal(alone.begin(), alone.end(), all.begin() + 7 * columns));
  }
}

TEST_CASE("rmsnorm on the device: nothing to do") {
  Site site(device_backend(), {.widest_row = 4, .backward = true}, {}, {});
  const Tensor none = site.activations(0, 4), r = site.vector(int64_t{0}), weight = site.vector({1, 2, 3, 4});
  site->rmsnorm_forward({.y = none, .inverse_rms = r, .x = none, .weight = weight, .epsilon = 1});
  site->rmsnorm_apply({.y = none, .x = none, .inverse_rms = r, .weight = weight});
  site->rmsnorm_backward({.dx = none, .d_weight = weight, .dy = none, .x = none, .inverse_rms = r, .weight = weight});
  CHECK(site.values(weight).numbers == std::vector<double>{1, 2, 3, 4});
  CHECK(site.guards_hold());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

struct Moved {
  int64_t forward, apply, backward;
};

Moved traffic_of_norm(DType dtype, int64_t rows, int64_t columns) {
  const WorkspaceRequest request{.widest_row = columns, .rows = rows, .backward = true};
  Site site(device_backend(), request, {dtype, DType::float32}, {dtype, DType::float32}, Placement::aligned);
  const Tensor x = site.activations(rows, columns, random_floats(rows * columns, 1)),
               y = site.activations(rows, columns);
  const Tensor weight = site.vector(random_floats(columns, 2)), r = site.vector(rows),
               dw = site.vector(random_floats(columns, 3));
  const cuda_on_cpu::TrafficScope traffic;
  site->rmsnorm_forward({.y = y, .inverse_rms = r, .x = x, .weight = weight, .epsilon = 1e-6f});
  site->rmsnorm_apply({.y = y, .x = x, .inverse_rms = r, .weight = weight});
  site->rmsnorm_backward({.dx = x, .d_weight = dw, .dy = y, .x = x, .inverse_rms = r, .weight = weight});
  for (const auto& [kernel, moved] : traffic.all()) CHECK(moved.bank_conflicts == 0);
  return {traffic.of("rmsnorm_forward").sector_bytes(), traffic.of("rmsnorm_apply").sector_bytes(),
          traffic.of("rmsnorm_backward").sector_bytes() + traffic.of("rmsnorm_backward_weight").sector_bytes()};
}

TEST_CASE("rmsnorm on the device stays within 5 % of its floor in bytes moved, where rows are many") {
  constexpr int64_t kRows = 10240, kColumns = 192;
  const Moved moved = traffic_of_norm(DType::float32, kRows, kColumns);
  CHECK(moved.forward <= kRows * (8 * kColumns + 4) * 105 / 100);
  CHECK(moved.apply <= kRows * (8 * kColumns + 4) * 105 / 100);
  CHECK(moved.backward <= kRows * (16 * kColumns + 4) * 105 / 100);
}

// What each block reads and writes beside its rows, weights and sums of float32: for few rows it is all that is added.
// A lane's eight float32 numbers beside eight bfloat16 ones are two accesses that touch the same sectors.
TEST_CASE("rmsnorm on the device moves beyond its floor only the weight and the sums of d_weight, once per block") {
  for (const int64_t columns : {2048, 8192}) {
    CAPTURE(columns);
    constexpr int64_t kRows = 8;  // two blocks backward
    const Moved moved = traffic_of_norm(DType::bfloat16, kRows, columns);
    constexpr int64_t kSectorsOfR = kRows * 32 * 16;  // a sector for each of a block's warps, 16 at most
    CHECK(moved.forward <= kRows * (4 * columns + 8 * columns) + kSectorsOfR);
    CHECK(moved.backward <= kRows * 8 * columns + 2 * (8 + 8 + 4) * columns + 8 * columns + kSectorsOfR);
  }
}

#endif

}  // namespace
}  // namespace cheems
