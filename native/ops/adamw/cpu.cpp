#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adamw/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "core/error.h"
#include "ops/adamw/adamw.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = 1 << 14;

// PyTorch's clip_grad_norm_.
double clip_factor(const AdamWUpdate& a) {
  if (!a.squares || a.max_grad_norm <= 0) return 1;
  return std::min(1.0, a.max_grad_norm / (std::sqrt(*a.squares) + 1e-6));
}

// The update's scalars, computed once in double as PyTorch does.
struct Scalars {
  float clip, keep, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_root_correction2, epsilon;
};

void update_range(const Scalars& s, float* parameter, float* gradient, float* first_moment, float* second_moment,
                  int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes) {
    const int64_t left = count - i;
    const FloatVec g = hn::Mul(load(gradient + i, left), set(s.clip));
    const FloatVec m = hn::MulAdd(set(s.beta1), load(first_moment + i, left), hn::Mul(set(s.one_minus_beta1), g));
    const FloatVec v =
        hn::MulAdd(set(s.beta2), load(second_moment + i, left), hn::Mul(hn::Mul(set(s.one_minus_beta2), g), g));
    const FloatVec denominator = hn::MulAdd(hn::Sqrt(v), set(s.inverse_root_correction2), set(s.epsilon));
    const FloatVec decayed = hn::Mul(load(parameter + i, left), set(s.keep));
    store(hn::NegMulAdd(set(s.step_size), hn::Div(m, denominator), decayed), parameter + i, left);
    store(m, first_moment + i, left);
    store(v, second_moment + i, left);
    store(zero(), gradient + i, left);
  }
}

void decay_range(float keep, float* parameter, int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes)
    store(hn::Mul(set(keep), load(parameter + i, count - i)), parameter + i, count - i);
}

// The parameter's elements from `offset` on: their master copies rounded to bfloat16, in either dtype.
void round_range(const AdamWUpdate& a, int64_t offset, int64_t count) {
  const float* master = floats(a.master) + offset;
  const auto elements = static_cast<size_t>(count);
  if (a.parameter.dtype == DType::bfloat16)
    return narrow(master, DType::bfloat16, static_cast<uint16_t*>(a.parameter.data) + offset, elements);
  std::copy_n(master, elements, floats(a.parameter) + offset);
  round_to(DType::bfloat16, floats(a.parameter) + offset, elements);
}

void require_float32(const AdamWUpdate& a) {
  for (const Tensor* tensor : {&a.gradient, &a.first_moment, &a.second_moment, a.master ? &a.master : &a.parameter}) {
    if (tensor->dtype != DType::float32)
      fail("The CPU's AdamW was given a ", name(tensor->dtype),
           " tensor; it updates only float32 state, and bfloat16 parameters only through their float32 master.");
  }
  if (a.parameter.dtype == DType::float16)
    fail("The CPU's AdamW was given float16 parameters; it rounds a master only to bfloat16.");
}

void update(const AdamWUpdate& a, Context& context) {
  require_float32(a);
  if (a.squares && !std::isfinite(*a.squares)) {
    std::fill_n(floats(a.gradient), a.gradient.rows * a.gradient.columns, 0.0f);
    return;
  }
  const double correction1 = 1 - std::pow(a.beta1, static_cast<double>(a.step));
  const double correction2 = 1 - std::pow(a.beta2, static_cast<double>(a.step));
  const auto single = [](double x) { return static_cast<float>(x); };
  const Scalars s{single(clip_factor(a)),
                  single(1 - a.learning_rate * a.weight_decay),
                  single(a.beta1),
                  single(1 - a.beta1),
                  single(a.beta2),
                  single(1 - a.beta2),
                  single(a.learning_rate / correction1),
                  single(1 / std::sqrt(correction2)),
                  single(a.epsilon)};
  float* exact = floats(a.master ? a.master : a.parameter);
  const int64_t columns = a.parameter.columns, rows_per_block = std::max<int64_t>(1, kBlock / columns);
  context.pool.parallel_for((a.parameter.rows + rows_per_block - 1) / rows_per_block, [&](int64_t block, int) {
    const int64_t begin = block * rows_per_block, end = std::min(a.parameter.rows, begin + rows_per_block);
    const auto range = [&](int64_t row, int64_t rows) {
      const int64_t offset = row * columns;
      update_range(s, exact + offset, floats(a.gradient) + offset, floats(a.first_moment) + offset,
                   floats(a.second_moment) + offset, rows * columns);
      if (a.master) round_range(a, offset, rows * columns);
    };
    if (!a.row_seen) return range(begin, end - begin);
    for (int64_t row = begin; row < end; ++row) {
      if (a.row_seen[row]) {
        range(row, 1);
      } else if (s.keep != 1) {
        decay_range(s.keep, exact + row * columns, columns);
        if (a.master) round_range(a, row * columns, columns);
      }
    }
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(update);
void adamw_update(const AdamWUpdate& a, Context& context) { HWY_DYNAMIC_DISPATCH(update)(a, context); }
}  // namespace cheems::cpu
#endif
