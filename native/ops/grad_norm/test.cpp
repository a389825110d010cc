#include <cmath>

#include "ops/grad_norm/grad_norm.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

double sum_of_squares(Cpu& cpu, Matrix& x, const uint8_t* row_seen = nullptr, double before = 0) {
  double sum = before;
  cpu->sum_of_squares({.sum = &sum, .x = x.view(), .row_seen = row_seen});
  CHECK(x.guards_hold());
  return sum;
}

TEST_CASE("grad_norm: the sum of squares of every size, added to what is there, the same bits with any threads") {
  for_each_simd_target([](const std::string&) {
    const std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 1},      {3, 5},     {17, 97},
                                                            {1, 100003}, {4099, 31}, {3, 40001}};
    for (const auto& [rows, columns] : sizes) {
      CAPTURE(rows);
      CAPTURE(columns);
      const auto values = random_floats(rows * columns, 1);
      double exact = 0;
      for (const float value : values) exact += static_cast<double>(value) * value;
      Matrix x = contiguous(rows, columns, values);
      Cpu one(1);
      const double sum = sum_of_squares(one, x);
      CHECK(std::abs(sum - exact) <= 2e-7 * exact);
      CHECK(sum_of_squares(one, x, nullptr, 1000) == doctest::Approx(1000 + exact).epsilon(1e-7));
      for (const int threads : {2, 5}) {
        Cpu cpu(threads);
        CHECK(sum_of_squares(cpu, x) == sum);
      }
      Cpu narrow(2);
      narrow.limit_workspace(64);  // room for eight sums at a time
      CHECK(sum_of_squares(narrow, x) == sum);
    }
  });
}

TEST_CASE("grad_norm: rows that are marked as never seen are passed over") {
  const int64_t columns = 33;
  auto values = random_floats(65 * columns, 2);
  std::vector<uint8_t> seen(65, 1);
  for (const size_t row : {0, 7, 64}) {
    seen[row] = 0;
    std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(row) * columns, columns, 0.0f);
  }
  Matrix x = contiguous(65, columns, values);
  Cpu cpu(2);
  CHECK(sum_of_squares(cpu, x, seen.data()) == doctest::Approx(sum_of_squares(cpu, x)).epsilon(1e-6));
}

TEST_CASE("grad_norm: NaN and Inf anywhere show in the sum") {
  for (const float bad : {NAN, INFINITY}) {
    for (const size_t at : {size_t{0}, size_t{31}, size_t{70000}, size_t{99999}}) {
      std::vector<float> values(100000, 0.5f);
      values[at] = bad;
      Matrix x = contiguous(1, 100000, values);
      Cpu cpu(2);
      CHECK_FALSE(std::isfinite(sum_of_squares(cpu, x)));
    }
  }
}

}  // namespace
}  // namespace cheems
