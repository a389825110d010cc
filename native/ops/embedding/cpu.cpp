#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/embedding/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "core/dtype.h"
#include "ops/embedding/embedding.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRowsPerTask = 64;
constexpr int64_t kRunsPerTask = 32;

void forward(const EmbeddingForward& a, Context& context) {
  const int64_t columns = a.y.columns;
  const auto element = static_cast<int64_t>(size_of(a.table.dtype));
  context.pool.parallel_for((a.y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(a.y.rows, (task + 1) * kRowsPerTask); ++row) {
      float* y = floats(a.y) + row * a.y.stride;
      const char* entry =
          static_cast<const char*>(a.table.data) + a.tokens[static_cast<size_t>(row)] * a.table.stride * element;
      widen(entry, a.table.dtype, y, static_cast<size_t>(columns));
      if (a.scale != 1) {
        for (int64_t i = 0; i < columns; i += kFloatLanes)
          store(hn::Mul(set(a.scale), load(y + i, columns - i)), y + i, columns - i);
      }
    }
  });
}

void backward(const EmbeddingBackward& a, Context& context) {
  const auto runs = static_cast<int64_t>(a.token_runs.size()) - 1;
  context.pool.parallel_for((runs + kRunsPerTask - 1) / kRunsPerTask, [&](int64_t task, int) {
    for (int64_t run = task * kRunsPerTask; run < std::min(runs, (task + 1) * kRunsPerTask); ++run) {
      const auto begin = static_cast<size_t>(a.token_runs[static_cast<size_t>(run)]),
                 end = static_cast<size_t>(a.token_runs[static_cast<size_t>(run) + 1]);
      float* d = floats(a.d_table) + a.tokens[static_cast<size_t>(a.token_order[begin])] * a.d_table.stride;
      for (size_t i = begin; i < end; ++i)
        add_scaled(a.scale, floats(a.dy) + a.token_order[i] * a.dy.stride, d, a.dy.columns);
    }
  });
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(forward);
HWY_EXPORT(backward);
void embedding_forward(const EmbeddingForward& a, Context& context) { HWY_DYNAMIC_DISPATCH(forward)(a, context); }
void embedding_backward(const EmbeddingBackward& a, Context& context) { HWY_DYNAMIC_DISPATCH(backward)(a, context); }
}  // namespace cheems::cpu
#endif
