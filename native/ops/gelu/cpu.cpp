#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gelu/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/elementary-inl.h"
#include "ops/gelu/gelu.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 8;

// x Phi(x)
HWY_INLINE FloatVec gelu(FloatVec x) {
  return in_double(x, [](DoubleVec v) HWY_ATTR { return hn::Mul(v, normal_distribution(v)); });
}

void forward(const GeluForward& a, Context& context) {
  const int64_t columns = a.y.columns;
  context.pool.parallel_for((a.y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.y.rows, (task + 1) * kRowsPerTask); ++row) {
      const float* x = floats(a.x) + row * a.x.stride;
      float* y = floats(a.y) + row * a.y.stride;
      for (int64_t i = 0; i < columns; i += kFloatLanes) store(gelu(load(x + i, columns - i)), y + i, columns - i);
    }
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
void gelu_forward(const GeluForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
}  // namespace cheems::cpu
#endif
