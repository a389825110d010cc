#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/grad_norm/grad_norm.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

// sum_of_squares of a matrix of gradients on the device and on the CPU, added to what is there.
void check_sum(int64_t rows, int64_t columns, const std::vector<uint8_t>& row_seen = {}) {
  CAPTURE(rows);
  CAPTURE(columns);
  auto numbers = random_floats(rows * columns, 1, 1e-3);
  for (int64_t row = 0; row < static_cast<int64_t>(row_seen.size()); ++row) {
    if (!row_seen[static_cast<size_t>(row)])
      std::fill_n(numbers.begin() + row * columns, columns, NAN);  // must not be read
  }
  check_operation(
      {},
      [&](Site& site) -> OutputList {
        double* sum = site.doubles({0.25});
        const Tensor x = site.gradient(rows, columns, numbers);
        site->sum_of_squares({.sum = sum, .x = x, .row_seen = row_seen.empty() ? nullptr : site.bytes(row_seen)});
        const Values got = site.values(sum, 1);
        // Sharper than the rule: squares are added in float32 over a few numbers only.
        double exact = 0.25;
        const Values rounded = site.values(x);
        for (int64_t i = 0; i < rows * columns; ++i) {
          if (row_seen.empty() || row_seen[static_cast<size_t>(i / columns)])
            exact += rounded.numbers[static_cast<size_t>(i)] * rounded.numbers[static_cast<size_t>(i)];
        }
        CHECK(std::abs(got.numbers[0] - exact) <= 3e-7 * (exact - 0.25) + 1e-16);
        return {{"sum", got, kOutputs}};
      },
      {.bfloat16_gradients = true});
}

TEST_CASE("cuda grad_norm: every size, whole and ragged vectors, more runs than one block has warps") {
  for (const int64_t columns : {1, 3, 8, 97, 2048, 2051, 40003}) check_sum(1, columns);
  check_sum(33, 31);
  check_sum(3000, 16);
}

TEST_CASE("cuda grad_norm: rows that were never seen are passed over") {
  std::vector<uint8_t> seen(19);
  for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 3 == 1;
  for (const int64_t columns : {1, 7, 64, 896}) check_sum(19, columns, seen);
  check_sum(19, 8, std::vector<uint8_t>(19, 0));
}

TEST_CASE("cuda grad_norm: more rows than the grid has warps") {
  std::vector<uint8_t> seen(9001, 1);
  for (size_t row = 0; row < seen.size(); row += 5) seen[row] = 0;
  Site site(device_backend(), {}, {}, {}, Placement::aligned);
  double* sum = site.doubles({0});
  std::vector<float> ones(9001 * 4, 1.0f);
  site->sum_of_squares({.sum = sum, .x = site.gradient(9001, 4, ones), .row_seen = site.bytes(seen)});
  CHECK(site.values(sum, 1).numbers[0] == 4 * 7200);
}

TEST_CASE("cuda grad_norm: what is not finite shows in the sum") {
  for (const float bad : {INFINITY, NAN}) {
    Site site(device_backend(), {}, {}, {}, Placement::aligned);
    double* sum = site.doubles({0});
    std::vector<float> numbers(5000, 1.0f);
    numbers[4321] = bad;
    site->sum_of_squares({.sum = sum, .x = site.gradient(1, 5000, numbers)});
    CHECK_FALSE(std::isfinite(site.values(sum, 1).numbers[0]));
  }
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE("cuda grad_norm: the traffic is the floor's: every number once, and of unseen rows none") {
  constexpr int64_t
      kRows = 60,
      kColumns = 1536;  // a sector for each mark is the rest: 3 % where two rows of three are unseen, in bfloat16
  std::vector<uint8_t> seen(kRows);
  for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 3 == 0;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    for (const bool marked : {false, true}) {
      const Precision precision{dtype, dtype};
      Site site(device_backend(), {}, precision, precision, Placement::aligned);
      const Tensor x = site.gradient(kRows, kColumns, random_floats(kRows * kColumns, 1));
      double* sum = site.doubles({0});
      const uint8_t* marks = marked ? site.bytes(seen) : nullptr;
      const cuda_on_cpu::TrafficScope traffic;
      site->sum_of_squares({.sum = sum, .x = x, .row_seen = marks});
      const int64_t floor = (marked ? kRows / 3 : kRows) * kColumns * static_cast<int64_t>(size_of(dtype));
      const int64_t moved =
          traffic.of("sum_of_squares").sector_bytes() + traffic.of("sum_of_squares_partials").sector_bytes();
      CAPTURE(moved);
      CHECK(moved >= floor);
      CHECK(static_cast<double>(moved) <= 1.05 * static_cast<double>(floor));
    }
  }
}
#endif

}  // namespace
}  // namespace cheems
