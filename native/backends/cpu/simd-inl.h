// What every CPU kernel uses, once per SIMD target: whole and partial vectors of float32, sums, exponentials.
#include <cstdint>
#include <cstring>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

#if defined(CHEEMS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHEEMS_SIMD_INL_H_
#undef CHEEMS_SIMD_INL_H_
#else
#define CHEEMS_SIMD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;
constexpr int64_t kFloatLanes = HWY_LANES(float);

// `left` numbers, or a whole vector where there are that many; lanes past the end are zero. Never reads past the end.
HWY_INLINE FloatVec load(const float* p, int64_t left) {
  const Floats d;
  if (left >= kFloatLanes) return hn::LoadU(d, p);
  HWY_ALIGN float lanes[kFloatLanes] = {};
  memcpy(lanes, p, static_cast<size_t>(left) * sizeof(float));
  return hn::Load(d, lanes);
}

HWY_INLINE void store(FloatVec v, float* p, int64_t left) {
  const Floats d;
  if (left >= kFloatLanes) {
    hn::StoreU(v, d, p);
    return;
  }
  HWY_ALIGN float lanes[kFloatLanes];
  hn::Store(v, d, lanes);
  memcpy(p, lanes, static_cast<size_t>(left) * sizeof(float));
}

HWY_INLINE FloatVec set(float x) { return hn::Set(Floats(), x); }
HWY_INLINE FloatVec zero() { return hn::Zero(Floats()); }
HWY_INLINE FloatVec exp(FloatVec x) { return hn::Exp(Floats(), x); }
HWY_INLINE float sum_lanes(FloatVec v) { return hn::GetLane(hn::SumOfLanes(Floats(), v)); }

// Sum of a[i] * b[i], lane by lane in order, then across lanes: one fixed order for a given length.
HWY_INLINE float dot(const float* a, const float* b, int64_t n) {
  FloatVec sum = zero();
  for (int64_t i = 0; i < n; i += kFloatLanes) sum = hn::MulAdd(load(a + i, n - i), load(b + i, n - i), sum);
  return sum_lanes(sum);
}

// y += a * x
HWY_INLINE void add_scaled(float a, const float* x, float* y, int64_t n) {
  const FloatVec factor = set(a);
  for (int64_t i = 0; i < n; i += kFloatLanes) store(hn::MulAdd(factor, load(x + i, n - i), load(y + i, n - i)), y + i, n - i);
}

// tanh through one exponential, exact at both ends: 1 - 2 / (1 + exp(2x)).
HWY_INLINE FloatVec tanh(FloatVec x) {
  // exp would overflow past 88; tanh is 1 to the last bit from 9.1 on.
  const FloatVec bounded = hn::Min(hn::Max(x, set(-20.0f)), set(20.0f));
  return hn::Sub(set(1.0f), hn::Div(set(2.0f), hn::Add(set(1.0f), exp(hn::Add(bounded, bounded)))));
}

// 1 / (1 + exp(-x))
HWY_INLINE FloatVec sigmoid(FloatVec x) { return hn::Div(set(1.0f), hn::Add(set(1.0f), exp(hn::Neg(hn::Max(x, set(-87.0f)))))); }

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
