// What every CPU kernel uses, once per SIMD target: whole and partial vectors of float32, sums in a defined order,
// float64 arithmetic.
#include <cstdint>
#include <cstring>

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

// ---- Float64 arithmetic, for results that are rounded to float32 once.

// The numbers of a float32 vector take two vectors of float64 (one, if a vector is a single lane).
#if HWY_TARGET == HWY_SCALAR
using Doubles = hn::Rebind<double, Floats>;
constexpr int64_t kDoubleParts = 1;
#else
using Doubles = hn::Repartition<double, Floats>;
constexpr int64_t kDoubleParts = 2;
#endif
using DoubleVec = hn::Vec<Doubles>;

struct Widened {
  DoubleVec part[kDoubleParts];  // lower lanes first
};

HWY_INLINE Widened widen(FloatVec x) {
#if HWY_TARGET == HWY_SCALAR
  return {{hn::PromoteTo(Doubles(), x)}};
#else
  const hn::Half<Floats> half;
  return {{hn::PromoteTo(Doubles(), hn::LowerHalf(half, x)), hn::PromoteTo(Doubles(), hn::UpperHalf(half, x))}};
#endif
}

HWY_INLINE FloatVec narrow(const Widened& x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(Floats(),
                 static_cast<float>(hn::GetLane(x.part[0])));  // DemoteTo would make FLT_MAX of what overflows
#else
  const hn::Half<Floats> half;
  return hn::Combine(Floats(), hn::DemoteTo(half, x.part[1]), hn::DemoteTo(half, x.part[0]));
#endif
}

template <class Function>
HWY_INLINE Widened map(Widened x, Function f) {
  for (int64_t i = 0; i < kDoubleParts; ++i) x.part[i] = f(x.part[i]);
  return x;
}

// f(x), computed in float64 and rounded once.
template <class Function>
HWY_INLINE FloatVec in_double(FloatVec x, Function f) {
  return narrow(map(widen(x), f));
}

// ---- Sums in an order that is defined here: Highway's own order across lanes differs between its versions.

HWY_INLINE float largest_lane(FloatVec v) {
  HWY_ALIGN float lanes[kFloatLanes];
  hn::Store(v, Floats(), lanes);
  float largest = lanes[0];
  for (int64_t i = 1; i < kFloatLanes; ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

// A sum in float64 of terms that are numbered from 0. Term i goes to the partial sum i % 16, whatever the width of a
// vector. Then the partial sums are added in halves until one is left. The order is the same on every target.
class DoubleSum {
 public:
  HWY_INLINE DoubleSum() {  // written out, so that it is compiled for the target
    for (Widened& group : groups_) {
      for (int64_t i = 0; i < kDoubleParts; ++i) group.part[i] = hn::Zero(Doubles());
    }
  }
  // The terms first, first + 1, …; `first` is a multiple of kFloatLanes.
  HWY_INLINE void add(int64_t first, const Widened& x) {
    Widened& group = group_of(first);
    for (int64_t i = 0; i < kDoubleParts; ++i) group.part[i] = hn::Add(group.part[i], x.part[i]);
  }
  HWY_INLINE void add_product(int64_t first, FloatVec a, FloatVec b) {
    const Widened left = widen(a), right = widen(b);
    Widened& group = group_of(first);
    for (int64_t i = 0; i < kDoubleParts; ++i) group.part[i] = hn::MulAdd(left.part[i], right.part[i], group.part[i]);
  }
  HWY_INLINE double total() const {
    HWY_ALIGN double sums[kPartialSums];
    for (int64_t g = 0; g < kGroups; ++g) {
      for (int64_t i = 0; i < kDoubleParts; ++i)
        hn::Store(groups_[g].part[i], Doubles(), sums + g * kFloatLanes + i * (kFloatLanes / kDoubleParts));
    }
    for (int64_t half = kPartialSums / 2; half > 0; half /= 2) {
      for (int64_t i = 0; i < half; ++i) sums[i] += sums[i + half];
    }
    return sums[0];
  }

 private:
  static constexpr int64_t kPartialSums = 16, kGroups = kPartialSums / kFloatLanes;
  static_assert(kPartialSums % kFloatLanes == 0);
  HWY_INLINE Widened& group_of(int64_t first) { return groups_[first / kFloatLanes % kGroups]; }
  Widened groups_[kGroups];
};

// Sum of a[i] * b[i].
HWY_INLINE double dot(const float* a, const float* b, int64_t n) {
  DoubleSum sum;
  for (int64_t i = 0; i < n; i += kFloatLanes) sum.add_product(i, load(a + i, n - i), load(b + i, n - i));
  return sum.total();
}

// y += a * x
HWY_INLINE void add_scaled(float a, const float* x, float* y, int64_t n) {
  const FloatVec factor = set(a);
  for (int64_t i = 0; i < n; i += kFloatLanes)
    store(hn::MulAdd(factor, load(x + i, n - i), load(y + i, n - i)), y + i, n - i);
}

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
