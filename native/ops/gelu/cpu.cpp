#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gelu/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 8;

// x Phi(x). With a = |x| and t = 1 / (1 + 0.35 a):  Phi(-a) = exp(-a^2 / 2) t P(t), and Phi(a) = 1 - Phi(-a). P is a polynomial fitted
// to erfcx(a / sqrt 2) / (2 t) on a in [0, 14], relative error 3.2e-8, so that the negative tail keeps its digits too.
HWY_INLINE FloatVec gelu(FloatVec x) {
  const FloatVec a = hn::Abs(x), one = set(1.0f);
  const FloatVec t = hn::Div(one, hn::MulAdd(set(0.35f), a, one));
  constexpr float kPolynomial[] = {-0.029145938980979287f, 0.14397173939961744f, -0.2557143389165092f, 0.1591742556541366f, -0.023109900097036833f,
                                   0.10550803139992819f,   0.11983286071975775f, 0.13986187063231692f, 0.1396214042425137f};
  FloatVec p = set(kPolynomial[0]);
  for (size_t i = 1; i < 9; ++i) p = hn::MulAdd(p, t, set(kPolynomial[i]));
  // Past 14 it is less than any normal float32; the square must not overflow. (A NaN passes Min in x itself.)
  const FloatVec bounded = hn::Min(a, set(14.0f));
  const FloatVec tail = hn::Mul(hn::Mul(exp(hn::Mul(hn::Mul(set(-0.5f), bounded), bounded)), t), p);
  return hn::Mul(x, hn::IfThenElse(hn::Lt(x, zero()), tail, hn::Sub(one, tail)));
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
