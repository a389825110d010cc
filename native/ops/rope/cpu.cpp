#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rope/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "ops/rope/rope.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 32;

// y = x rotated by the angles of one position (direction 1) or back (direction -1); y may be x.
void rotate(const float* x, const float* cosine, const float* sine, float direction, int64_t half, float* y) {
  const FloatVec sign = set(direction);
  for (int64_t i = 0; i < half; i += kFloatLanes) {
    const int64_t left = half - i;
    const FloatVec a = load(x + i, left), b = load(x + half + i, left), c = load(cosine + i, left),
                   s = hn::Mul(sign, load(sine + i, left));
    store(hn::NegMulAdd(b, s, hn::Mul(a, c)), y + i, left);
    store(hn::MulAdd(a, s, hn::Mul(b, c)), y + half + i, left);
  }
}

float inverse_rms_of(const float* x, int64_t size, float epsilon) {
  return static_cast<float>(1 / std::sqrt(dot(x, x, size) / static_cast<double>(size) + epsilon));
}

void forward(const RopeForward& a, Context& context) {
  const int64_t size = a.head_size, half = size / 2, heads = a.x.columns / size;
  context.pool.parallel_for((a.x.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.x.rows, (task + 1) * kRowsPerTask); ++row) {
      const int64_t position = a.positions[static_cast<size_t>(row)];
      const float* cosine = floats(a.cosine) + position * half;
      const float* sine = floats(a.sine) + position * half;
      for (int64_t head = 0; head < heads; ++head) {
        const float* x = floats(a.x) + row * a.x.stride + head * size;
        float* y = floats(a.y) + row * a.y.stride + head * size;
        if (a.norm_weight) {
          const FloatVec r = set(inverse_rms_of(x, size, a.epsilon)), shift = set(a.weight_offset);
          for (int64_t i = 0; i < size; i += kFloatLanes) {
            store(hn::Mul(hn::Mul(load(x + i, size - i), r), hn::Add(load(floats(a.norm_weight) + i, size - i), shift)),
                  y + i, size - i);
          }
          x = y;
        }
        rotate(x, cosine, sine, 1, half, y);
      }
    }
  });
}

// RMSNorm's backward for one head, in place: `d` holds the gradient of the normalized head and receives that of x.
void norm_backward(const RopeBackward& a, const float* x, float* d, float* d_weight) {
  const int64_t size = a.head_size;
  const float* weight = floats(a.norm_weight);
  const float inverse_rms = inverse_rms_of(x, size, a.epsilon);
  const FloatVec r = set(inverse_rms), shift = set(a.weight_offset);
  DoubleSum sum;
  for (int64_t i = 0; i < size; i += kFloatLanes) {
    sum.add_product(i, hn::Mul(load(d + i, size - i), hn::Add(load(weight + i, size - i), shift)),
                    load(x + i, size - i));
  }
  const FloatVec pull = set(static_cast<float>(sum.total() / static_cast<double>(size) * inverse_rms * inverse_rms));
  for (int64_t i = 0; i < size; i += kFloatLanes) {
    const int64_t left = size - i;
    const FloatVec upstream = load(d + i, left), in = load(x + i, left);
    const FloatVec g = hn::Mul(upstream, hn::Add(load(weight + i, left), shift));
    store(hn::MulAdd(upstream, hn::Mul(in, r), load(d_weight + i, left)), d_weight + i, left);
    store(hn::Mul(r, hn::NegMulAdd(in, pull, g)), d + i, left);
  }
}

void backward(const RopeBackward& a, Context& context) {
  const int64_t size = a.head_size, half = size / 2, heads = a.dy.columns / size;
  const int64_t chunks = (a.dy.rows + kRowsPerPartialSum - 1) / kRowsPerPartialSum;
  float* partials = reinterpret_cast<float*>(context.workspace);
  context.pool.parallel_for(chunks, [&](int64_t chunk, int) {
    float* d_weight = partials + chunk * size;
    if (a.norm_weight) memset(d_weight, 0, static_cast<size_t>(size) * sizeof(float));
    for (int64_t row = chunk * kRowsPerPartialSum; row < std::min(a.dy.rows, (chunk + 1) * kRowsPerPartialSum); ++row) {
      const int64_t position = a.positions[static_cast<size_t>(row)];
      for (int64_t head = 0; head < heads; ++head) {
        float* dx = floats(a.dx) + row * a.dx.stride + head * size;
        rotate(floats(a.dy) + row * a.dy.stride + head * size, floats(a.cosine) + position * half,
               floats(a.sine) + position * half, -1, half, dx);
        if (a.norm_weight) norm_backward(a, floats(a.x) + row * a.x.stride + head * size, dx, d_weight);
      }
    }
  });
  if (a.d_norm_weight) add_partial_sums(partials, chunks, size, floats(a.d_norm_weight), context.pool);
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(backward);
void rope_forward(const RopeForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
void rope_backward(const RopeBackward& a, Context& context) { HWY_DYNAMIC_DISPATCH(backward)(a, context); }
int64_t rope_backward_workspace(const WorkspaceRequest& request, int) {
  return request.backward ? partial_sums_workspace(request.rows, request.widest_row) : 0;
}
}  // namespace cheems::cpu
#endif
