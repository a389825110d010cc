#include "ops/expert_rows/expert_rows.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// As of Mixtral, where each token goes to 2 experts.
void expert_rows_bench(Bench& bench, const Case& c) {
  constexpr int64_t kChosen = 2;
  const int64_t n = c.rows(), m = n * kChosen, h = c.hidden_size;
  const auto elements = static_cast<double>(n * h);
  std::vector<int32_t> rows, places;
  for (int64_t i = 0; i < m; ++i) {
    rows.push_back(static_cast<int32_t>(i % n));
    places.push_back(static_cast<int32_t>(i % kChosen * n + i / kChosen));
  }
  const int32_t *row_list = bench.integers(rows), *place_list = bench.integers(places);
  const Tensor x = bench.tensor(n, h), gathered = bench.tensor(m, h), y = bench.tensor(n, h),
               weights = bench.tensor(n, kChosen, DType::float32);
  bench.add("gather_expert_rows", shape_of({m, h}), 2 * kChosen * elements * kElement, 0,
            [&] { bench.ops().gather_expert_rows({.y = gathered, .x = x, .rows = row_list}); });
  bench.add("combine_expert_rows", shape_of({n, h}), (kChosen + 2) * elements * kElement, 0, [&] {
    bench.ops().combine_expert_rows({.y = y, .x = gathered, .weights = weights, .places = place_list, .residual = x});
  });
  bench.release();
}

const Registered expert_rows_registered(expert_rows_bench);

}  // namespace
}  // namespace cheems::bench
