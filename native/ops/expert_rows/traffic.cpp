#include "ops/expert_rows/expert_rows.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

void expert_rows_traffic(Report& report, const Trees& trees) {
  constexpr int64_t kChosen = 2;
  const int64_t n = trees.lone.rows(), m = n * kChosen, h = kLarge.hidden;
  const auto elements = static_cast<double>(n * h);
  std::vector<int32_t> rows, places;
  for (int64_t i = 0; i < m; ++i) {
    rows.push_back(static_cast<int32_t>(i % n));
    places.push_back(static_cast<int32_t>(i % kChosen * n + i / kChosen));
  }
  Device& d = report.device;
  report.measure("gather_expert_rows", "bfloat16", size_text(m, h), {2 * 2 * kChosen * elements, 0}, [&] {
    Operations& ops = d.operations(trees.lone, {.widest_row = h});
    const GatherExpertRows a{.y = d.matrix(kHalf, m, h), .x = d.matrix(kHalf, n, h), .rows = d.integers(rows)};
    return [&ops, a] { ops.gather_expert_rows(a); };
  });
  report.measure("combine_expert_rows", "bfloat16", size_text(n, h), {2 * (kChosen + 2) * elements, 0}, [&] {
    Operations& ops = d.operations(trees.lone, {.widest_row = h});
    const CombineExpertRows a{.y = d.matrix(kHalf, n, h),
                              .x = d.matrix(kHalf, m, h),
                              .weights = d.matrix(kFloat, n, kChosen),
                              .places = d.integers(places),
                              .residual = d.matrix(kHalf, n, h)};
    return [&ops, a] { ops.combine_expert_rows(a); };
  });
}

const Registered expert_rows_registered(expert_rows_traffic);

}  // namespace
}  // namespace cheems::traffic
