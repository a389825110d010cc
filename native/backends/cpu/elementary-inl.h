// exp, sigmoid, tanh and the normal distribution for the CPU kernels, once per SIMD target.
//
// All are computed in float64 and rounded to float32 once, so that they are as exact as float32 allows: the largest
// error measured is 0.501 units in the last place, on every target (elementary_test.cpp; over every 509th argument).
// Only additions, products, quotients and bit operations are used: no bit depends on a library's version.
//
// Cost compared with float32 arithmetic of the same accuracy but for the last bit: about twice, which is under 1 % of a
// transformer's layer.
#include "backends/cpu/simd-inl.h"

#if defined(CHEEMS_ELEMENTARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHEEMS_ELEMENTARY_INL_H_
#undef CHEEMS_ELEMENTARY_INL_H_
#else
#define CHEEMS_ELEMENTARY_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {

HWY_INLINE DoubleVec set_double(double x) { return hn::Set(Doubles(), x); }

// exp(x) = scale * (1 + rest), with scale a power of two.
struct Exponential {
  DoubleVec scale, rest;
  DoubleVec value() const { return hn::MulAdd(scale, rest, scale); }
  DoubleVec minus_one() const {
    return hn::MulAdd(scale, rest, hn::Sub(scale, set_double(1)));
  }  // exp(x) - 1, exact to the last bits near 0 too
};

// Within [low, high]; a NaN stays one, which Highway's Min and Max do not promise.
template <class D>
HWY_INLINE hn::Vec<D> clamped(D d, hn::Vec<D> x, hn::TFromD<D> low, hn::TFromD<D> high) {
  const auto lower = hn::Set(d, low), upper = hn::Set(d, high);
  return hn::IfThenElse(hn::Lt(x, lower), lower, hn::IfThenElse(hn::Gt(x, upper), upper, x));
}
// exp at either end is far outside the range of float32.
HWY_INLINE DoubleVec clamped(DoubleVec x) { return clamped(Doubles(), x, -300, 300); }

// For x within +-700, or a NaN.
HWY_INLINE Exponential exponential(DoubleVec x) {
  const Doubles d;
  const hn::RebindToSigned<Doubles> d_int;
  constexpr double kLog2E = 1.4426950408889634,
                   kRoundToWhole =
                       6755399441055744.0;  // 1.5 * 2^52: adding it rounds, and leaves the whole number in the low bits
  const DoubleVec binary = hn::Mul(x, set_double(kLog2E));
  const DoubleVec shifted = hn::Add(binary, set_double(kRoundToWhole));
  const DoubleVec r = hn::Sub(binary, hn::Sub(shifted, set_double(kRoundToWhole)));
  const auto exponent = hn::ShiftLeft<52>(hn::BitCast(d_int, shifted));
  // (2^r - 1) / r on [-1/2, 1/2], minimax, relative error 2^-37.7.
  constexpr double kPolynomial[] = {1.3215476998808278e-06, 1.5303609837515253e-05, 0.00015403629589874745,
                                    0.0013333478814240955,  0.009618128942529695,   0.0555041090600695,
                                    0.24022650696489162,    0.6931471805568766};
  DoubleVec p = set_double(kPolynomial[0]);
  for (size_t i = 1; i < 8; ++i) p = hn::MulAdd(p, r, set_double(kPolynomial[i]));
  return {hn::BitCast(d, hn::Add(exponent, hn::BitCast(d_int, set_double(1)))), hn::Mul(r, p)};
}

// 1 / (1 + exp(-x))
HWY_INLINE DoubleVec sigmoid(DoubleVec x) {
  return hn::Div(set_double(1), hn::Add(set_double(1), exponential(hn::Neg(clamped(x))).value()));
}

// (exp(2x) - 1) / (exp(2x) + 1)
HWY_INLINE DoubleVec tanh(DoubleVec x) {
  const DoubleVec bounded = clamped(x), e = exponential(hn::Add(bounded, bounded)).minus_one();
  return hn::Div(e, hn::Add(e, set_double(2)));
}

// The normal distribution: Phi(x) = erfc(-x / sqrt 2) / 2. With a = |x| and t = 1 / (1 + 0.3 a):
// Phi(-a) = exp(-a^2 / 2) t P(t), and Phi(a) = 1 - Phi(-a). P is minimax on a in [0, 15], relative error 2^-34;
// beyond, Phi(-a) is 0 in float32.
HWY_INLINE DoubleVec normal_distribution(DoubleVec x) {
  constexpr double kPolynomial[] = {
      -0.005845882364804644, 0.053314738117829275, -0.2055589334424383, 0.43018907763179026,  -0.5193333521560591,
      0.3704011585099585,    -0.20224731753362113, 0.10224677406656302, 0.037934710297221966, 0.09103294313276761,
      0.1084703940765648,    0.11971399886927862,  0.11968169082126577};
  const DoubleVec one = set_double(1), a = hn::Abs(clamped(Doubles(), x, -20, 20));
  const DoubleVec t = hn::Div(one, hn::MulAdd(set_double(0.3), a, one));
  DoubleVec p = set_double(kPolynomial[0]);
  for (size_t i = 1; i < 13; ++i) p = hn::MulAdd(p, t, set_double(kPolynomial[i]));
  const DoubleVec tail = hn::Mul(hn::Mul(exponential(hn::Mul(hn::Mul(set_double(-0.5), a), a)).value(), t), p);
  return hn::IfThenElse(hn::Lt(x, set_double(0)), tail, hn::Sub(one, tail));
}

// ---- In float32, about one unit in the last place, for where products are rounded to bfloat16 beside it.

// exp(x); 0 below -87.
HWY_INLINE FloatVec float_exp(FloatVec x) {
  const Floats d;
  const hn::RebindToSigned<Floats> d_int;
  constexpr float kRoundToWhole = 12582912.0f;  // 1.5 * 2^23
  const FloatVec bounded = clamped(d, x, -87.0f, 88.0f);
  const FloatVec shifted = hn::MulAdd(bounded, set(1.44269504f), set(kRoundToWhole));
  const FloatVec whole = hn::Sub(shifted, set(kRoundToWhole));
  // x - whole * ln 2, with ln 2 in two parts; then exp by Cephes' polynomial of degree 6.
  const FloatVec r = hn::NegMulAdd(whole, set(-2.12194440e-4f), hn::NegMulAdd(whole, set(0.693359375f), bounded));
  constexpr float kPolynomial[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                   4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  FloatVec p = set(kPolynomial[0]);
  for (size_t i = 1; i < 6; ++i) p = hn::MulAdd(p, r, set(kPolynomial[i]));
  p = hn::Add(hn::MulAdd(hn::Mul(r, r), p, r), set(1.0f));
  const FloatVec value = hn::BitCast(d, hn::Add(hn::BitCast(d_int, p), hn::ShiftLeft<23>(hn::BitCast(d_int, shifted))));
  return hn::IfThenElse(hn::Lt(x, set(-87.0f)), zero(), value);
}

// 1 / (1 + exp(-x)); 0 below -87.
HWY_INLINE FloatVec sigmoid(FloatVec x) {
  const FloatVec value = hn::Div(set(1.0f), hn::Add(set(1.0f), float_exp(hn::Neg(x))));
  return hn::IfThenElse(hn::Lt(x, set(-87.0f)), zero(), value);
}

// exp(x) of float32 numbers, not rounded to float32 yet.
HWY_INLINE Widened exp(FloatVec x) {
  return map(widen(clamped(Floats(), x, -200, 200)), [](DoubleVec v) HWY_ATTR { return exponential(v).value(); });
}

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
