#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/expert_rows/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "ops/expert_rows/expert_rows.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kTokensPerTask = 16;

void combine(const CombineExpertRows& a, Context& context) {
  const int64_t k = a.weights.columns;
  context.pool.parallel_for((a.y.rows + kTokensPerTask - 1) / kTokensPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kTokensPerTask; row < std::min(a.y.rows, (task + 1) * kTokensPerTask); ++row) {
      const float* weights = floats(a.weights) + row * a.weights.stride;
      const int32_t* places = a.places + row * k;
      const float* residual = floats(a.residual) + row * a.residual.stride;
      float* y = floats(a.y) + row * a.y.stride;
      for (int64_t i = 0; i < a.y.columns; i += kFloatLanes) {
        const int64_t left = a.y.columns - i;
        FloatVec sum = zero();
        for (int64_t c = 0; c < k; ++c)
          sum = hn::MulAdd(set(weights[c]), load(floats(a.x) + places[c] * a.x.stride + i, left), sum);
        store(hn::Add(load(residual + i, left), sum), y + i, left);
      }
    }
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(combine);

void gather_expert_rows(const GatherExpertRows& a, Context& context) {
  constexpr int64_t kRowsPerTask = 64;
  context.pool.parallel_for((a.y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t i = task * kRowsPerTask; i < std::min(a.y.rows, (task + 1) * kRowsPerTask); ++i) {
      memcpy(floats(a.y) + i * a.y.stride, floats(a.x) + a.rows[i] * a.x.stride,
             static_cast<size_t>(a.y.columns) * sizeof(float));
    }
  });
}

void combine_expert_rows(const CombineExpertRows& a, Context& context) { HWY_DYNAMIC_DISPATCH(combine)(a, context); }
}  // namespace cheems::cpu
#endif
