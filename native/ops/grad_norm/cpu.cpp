#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/grad_norm/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd-inl.h"
#include "ops/grad_norm/grad_norm.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = 1 << 15;

double sum_of_squares(const float* x, int64_t count) { return dot(x, x, count); }

void sum(const SumOfSquares& a, Context& context) {
  // Each row lies in one block, so that rows without a gradient can be skipped.
  const int64_t rows_per_block = std::max<int64_t>(1, kBlock / a.x.columns),
                blocks = (a.x.rows + rows_per_block - 1) / rows_per_block;
  double* sums = reinterpret_cast<double*>(context.workspace);
  const int64_t capacity = context.workspace_bytes / static_cast<int64_t>(sizeof(double));
  for (int64_t first = 0; first < blocks; first += capacity) {
    const int64_t count = std::min(capacity, blocks - first);
    context.pool.parallel_for(count, [&](int64_t block, int) {
      const int64_t begin = (first + block) * rows_per_block, end = std::min(a.x.rows, begin + rows_per_block);
      double total = 0;
      if (!a.row_seen) total = sum_of_squares(floats(a.x) + begin * a.x.columns, (end - begin) * a.x.columns);
      else
        for (int64_t row = begin; row < end; ++row) {
          if (a.row_seen[row]) total += sum_of_squares(floats(a.x) + row * a.x.columns, a.x.columns);
        }
      sums[block] = total;
    });
    for (int64_t block = 0; block < count; ++block) *a.sum += sums[block];
  }
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(sum);
void sum_of_squares(const SumOfSquares& a, Context& context) { HWY_DYNAMIC_DISPATCH(sum)(a, context); }
// One double per block; if a sum has more blocks than that, it runs in several rounds.
int64_t sum_of_squares_workspace(const WorkspaceRequest&, int) { return 1024 * static_cast<int64_t>(sizeof(double)); }
}  // namespace cheems::cpu
#endif
