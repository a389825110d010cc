// Shared by the tests of operations: random numbers, matrices with guard cells around them, and the tolerance rule for
// float32 results.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"

namespace cheems::testing {

inline std::vector<float> random_floats(int64_t count, uint64_t seed, double scale = 1) {
  RandomStream random(seed, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(scale * random.normal());
  return values;
}

// The same numbers in the precision of a reference.
template <class Real, class From>
std::vector<Real> as(const std::vector<From>& values) {
  return {values.begin(), values.end()};
}

template <class Real>
std::vector<Real> sum_of(std::vector<Real> a, const std::vector<Real>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// A float32 matrix inside a larger block of memory. All other cells must keep their value: those before the first row,
// between the rows (`gap` cells) and after the last.
class Matrix {
 public:
  Matrix(int64_t rows, int64_t columns, const std::vector<float>& values = {}, int64_t gap = 3)
      : rows_(rows),
        columns_(columns),
        stride_(columns + gap),
        memory_(static_cast<size_t>(kMargin + rows * stride_ + kMargin), kGuard) {
    for (int64_t i = 0; i < rows * columns; ++i) cell(i) = values.empty() ? 0.0f : values[static_cast<size_t>(i)];
  }
  Tensor view() { return {memory_.data() + kMargin, DType::float32, rows_, columns_, stride_}; }
  std::vector<float> values() const {
    std::vector<float> all;
    for (int64_t i = 0; i < rows_ * columns_; ++i) all.push_back(const_cast<Matrix*>(this)->cell(i));
    return all;
  }
  bool guards_hold() const {
    for (int64_t i = 0; i < static_cast<int64_t>(memory_.size()); ++i) {
      const int64_t row = (i - kMargin) / stride_, column = (i - kMargin) % stride_;
      const bool inside = i >= kMargin && row < rows_ && column < columns_;
      if (!inside && memory_[static_cast<size_t>(i)] != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr int64_t kMargin = 21;  // odd, so that nothing is aligned by chance
  static constexpr float kGuard = 12345.678f;
  float& cell(int64_t i) { return memory_[static_cast<size_t>(kMargin + i / columns_ * stride_ + i % columns_)]; }
  int64_t rows_, columns_, stride_;
  std::vector<float> memory_;
};

// A vector [1, n], or a matrix that must be contiguous.
inline Matrix contiguous(int64_t rows, int64_t columns, const std::vector<float>& values = {}) {
  return Matrix(rows, columns, values, 0);
}

template <class Value>
double worst_error(const std::vector<Value>& found, const std::vector<double>& exact) {
  double worst = found.size() == exact.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(found.size(), exact.size()); ++i) {
    const double error = std::abs(static_cast<double>(found[i]) - exact[i]);
    worst = error <= worst ? worst : error;  // NaN counts as the worst and stays
    if (std::isnan(worst)) return INFINITY;
  }
  return worst;
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

// The rule of flash-attention's tests: the largest error may be `factor` times that of plain float32 loops of the same
// mathematics. The floor, 8 units in the last place of the largest number, is for inputs where the loops happen to be
// exact. `terms` is the size of the terms if they may cancel to a smaller result.
inline void check_rounding(const std::string& what, double factor, const std::vector<float>& found,
                           const std::vector<float>& plain, const std::vector<double>& exact, double terms = 0) {
  CAPTURE(what);
  CAPTURE(found.size());
  const double allowed = factor * worst_error(plain, exact) + 8 * 0x1p-24 * std::max(largest(exact), terms) + 1e-37;
  CHECK(worst_error(found, exact) <= allowed);
}
constexpr double kOutputs = 2, kGradients = 3;  // factors

}  // namespace cheems::testing
