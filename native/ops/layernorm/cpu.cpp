#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/layernorm/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "ops/layernorm/layernorm.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 16;

double mean_of(const float* x, int64_t columns) {
  DoubleSum sum;
  for (int64_t i = 0; i < columns; i += kFloatLanes) sum.add(i, widen(load(x + i, columns - i)));
  return sum.total() / static_cast<double>(columns);
}

// The mean of squared distances from `mean`: a difference of squares would lose all digits of a row far from zero.
double variance_of(const float* x, float mean, int64_t columns) {
  const FloatVec middle = set(mean);
  const int64_t whole = columns / kFloatLanes * kFloatLanes;
  DoubleSum sum;
  for (int64_t i = 0; i < whole; i += kFloatLanes) {
    const FloatVec distance = hn::Sub(load(x + i, kFloatLanes), middle);
    sum.add_product(i, distance, distance);
  }
  if (whole < columns) {  // lanes past the end are zeros, at a distance from the mean
    const FloatVec distance = hn::IfThenElseZero(hn::FirstN(Floats(), static_cast<size_t>(columns - whole)),
                                                 hn::Sub(load(x + whole, columns - whole), middle));
    sum.add_product(whole, distance, distance);
  }
  return sum.total() / static_cast<double>(columns);
}

void norm_row(const float* x, const float* weight, const float* bias, float epsilon, int64_t columns, float* y) {
  const auto mean = static_cast<float>(mean_of(x, columns));
  const FloatVec middle = set(mean),
                 factor = set(static_cast<float>(1 / std::sqrt(variance_of(x, mean, columns) + epsilon)));
  for (int64_t i = 0; i < columns; i += kFloatLanes) {
    const int64_t left = columns - i;
    store(hn::MulAdd(hn::Mul(hn::Sub(load(x + i, left), middle), factor), load(weight + i, left), load(bias + i, left)),
          y + i, left);
  }
}

void forward(const LayerNormForward& a, Context& context) {
  context.pool.parallel_for((a.x.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.x.rows, (task + 1) * kRowsPerTask); ++row) {
      norm_row(floats(a.x) + row * a.x.stride, floats(a.weight), floats(a.bias), a.epsilon, a.x.columns,
               floats(a.y) + row * a.y.stride);
    }
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
void layernorm_forward(const LayerNormForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
}  // namespace cheems::cpu
#endif
