#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rmsnorm/cpu.cpp"
#include "hwy/foreach_target.h"

#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "ops/rmsnorm/rmsnorm.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 16;

// `residual` may be null.
void scale_row(const float* x, const float* weight, float offset, float inverse_rms, const float* residual,
               int64_t columns, float* y) {
  const FloatVec r = set(inverse_rms), shift = set(offset);
  for (int64_t i = 0; i < columns; i += kFloatLanes) {
    const int64_t left = columns - i;
    const FloatVec normed = hn::Mul(hn::Mul(load(x + i, left), r), hn::Add(load(weight + i, left), shift));
    store(residual ? hn::Add(normed, load(residual + i, left)) : normed, y + i, left);
  }
}

void forward(const RmsNormForward& a, Context& context) {
  const int64_t columns = a.x.columns;
  float* inverse_rms = floats(a.inverse_rms);
  context.pool.parallel_for((a.x.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.x.rows, (task + 1) * kRowsPerTask); ++row) {
      const float* x = floats(a.x) + row * a.x.stride;
      inverse_rms[row] =
          static_cast<float>(1 / std::sqrt(dot(x, x, columns) / static_cast<double>(columns) + a.epsilon));
      scale_row(x, floats(a.weight), a.weight_offset, inverse_rms[row],
                a.residual ? floats(a.residual) + row * a.residual.stride : nullptr, columns,
                floats(a.y) + row * a.y.stride);
    }
  });
}

void apply(const RmsNormApply& a, Context& context) {
  context.pool.parallel_for((a.x.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.x.rows, (task + 1) * kRowsPerTask); ++row) {
      scale_row(floats(a.x) + row * a.x.stride, floats(a.weight), a.weight_offset, floats(a.inverse_rms)[row], nullptr,
                a.x.columns, floats(a.y) + row * a.y.stride);
    }
  });
}

void backward_row(const RmsNormBackward& a, int64_t row, float* d_weight) {
  const int64_t columns = a.x.columns;
  const float* x = floats(a.x) + row * a.x.stride;
  const float* dy = floats(a.dy) + row * a.dy.stride;
  const float* weight = floats(a.weight);
  float* dx = floats(a.dx) + row * a.dx.stride;
  const float inverse_rms = floats(a.inverse_rms)[row];
  const FloatVec r = set(inverse_rms), shift = set(a.weight_offset);
  DoubleSum sum;
  for (int64_t i = 0; i < columns; i += kFloatLanes) {
    const int64_t left = columns - i;
    sum.add_product(i, hn::Mul(load(dy + i, left), hn::Add(load(weight + i, left), shift)), load(x + i, left));
  }
  const FloatVec pull = set(static_cast<float>(sum.total() / static_cast<double>(columns) * inverse_rms * inverse_rms));
  for (int64_t i = 0; i < columns; i += kFloatLanes) {
    const int64_t left = columns - i;
    const FloatVec upstream = load(dy + i, left), in = load(x + i, left);
    const FloatVec g = hn::Mul(upstream, hn::Add(load(weight + i, left), shift));
    store(hn::MulAdd(r, hn::NegMulAdd(in, pull, g), load(dx + i, left)), dx + i, left);
    store(hn::MulAdd(upstream, hn::Mul(in, r), load(d_weight + i, left)), d_weight + i, left);
  }
}

void backward(const RmsNormBackward& a, Context& context) {
  const int64_t columns = a.x.columns, chunks = (a.x.rows + kRowsPerPartialSum - 1) / kRowsPerPartialSum;
  float* partials = reinterpret_cast<float*>(context.workspace);
  context.pool.parallel_for(chunks, [&](int64_t chunk, int) {
    float* d_weight = partials + chunk * columns;
    memset(d_weight, 0, static_cast<size_t>(columns) * sizeof(float));
    for (int64_t row = chunk * kRowsPerPartialSum; row < std::min(a.x.rows, (chunk + 1) * kRowsPerPartialSum); ++row)
      backward_row(a, row, d_weight);
  });
  if (a.d_weight) add_partial_sums(partials, chunks, columns, floats(a.d_weight), context.pool);
}

void add_partials(const float* partials, int64_t chunks, int64_t columns, float* d, ThreadPool& pool) {
  constexpr int64_t kColumnsPerTask = 512;
  pool.parallel_for((columns + kColumnsPerTask - 1) / kColumnsPerTask, [&](int64_t task, int) {
    const int64_t begin = task * kColumnsPerTask, count = std::min(kColumnsPerTask, columns - begin);
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      add_scaled(1.0f, partials + chunk * columns + begin, d + begin, count);
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(apply);
HWY_EXPORT(backward);
HWY_EXPORT(add_partials);
void rmsnorm_forward(const RmsNormForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
void rmsnorm_apply(const RmsNormApply& a, Context& context) { HWY_DYNAMIC_DISPATCH(apply)(a, context); }
void rmsnorm_backward(const RmsNormBackward& a, Context& context) { HWY_DYNAMIC_DISPATCH(backward)(a, context); }
void add_partial_sums(const float* partials, int64_t chunks, int64_t columns, float* d, ThreadPool& pool) {
  HWY_DYNAMIC_DISPATCH(add_partials)(partials, chunks, columns, d, pool);
}
int64_t rmsnorm_backward_workspace(const WorkspaceRequest& request, int) {
  return request.backward ? partial_sums_workspace(request.rows, request.widest_row) : 0;
}
}  // namespace cheems::cpu
#endif
