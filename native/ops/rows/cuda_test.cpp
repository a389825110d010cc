#include "testing/operation_check.h"
#include "testing/trees.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/rows/rows.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

std::vector<double> row_of(const Values& matrix, int64_t columns, int32_t row) {
  const auto begin = matrix.numbers.begin() + row * columns;
  return {begin, begin + columns};
}

TEST_CASE("cuda rows: gathered rows are the matrix's to the bit, and scatter and scatter_add touch those rows alone") {
  const std::vector<int32_t> picks = {16, 0, 5, 3};
  for (const int64_t columns : {1, 7, 64, 97, 896}) {
    CAPTURE(columns);
    check_operation({.widest_row = columns, .rows = 17}, [&](Site& site) -> OutputList {
      const Tensor x = site.activations(17, columns, random_floats(17 * columns, 1)),
                   gathered = site.activations(4, columns, {}, 5);
      const Tensor to = site.activations(17, columns, random_floats(17 * columns, 2)),
                   add = site.activations(4, columns, random_floats(4 * columns, 3), 1);
      const Tensor put = site.activations(17, columns, random_floats(17 * columns, 2));
      const Values before = site.values(to);
      site->gather_rows({.y = gathered, .x = x, .rows = picks});
      site->scatter_add_rows({.x = to, .y = add, .rows = picks});
      site->scatter_rows({.x = put, .y = add, .rows = picks});
      const Values from = site.values(x), got = site.values(gathered), after = site.values(to),
                   replaced = site.values(put), given = site.values(add);
      for (size_t i = 0; i < picks.size(); ++i)
        CHECK(row_of(got, columns, static_cast<int32_t>(i)) == row_of(from, columns, picks[i]));
      for (size_t i = 0; i < picks.size(); ++i)
        CHECK(row_of(replaced, columns, picks[i]) == row_of(given, columns, static_cast<int32_t>(i)));
      for (const int32_t other : {1, 2, 4, 6, 15}) {
        CHECK(row_of(after, columns, other) == row_of(before, columns, other));
        CHECK(row_of(replaced, columns, other) == row_of(before, columns, other));
      }
      return {{"gathered", got, kOutputs}, {"scattered", after, kOutputs}};
    });
  }
}

TEST_CASE("cuda rows: the reward rows of a packed tree, all of them and a part") {
  const OwnedSamples samples = deep_samples();
  const PackedTree tree = pack_tree(samples.view(), all_samples(samples), true);
  const std::span<const int32_t> all = tree.reward_rows;
  const int64_t columns = 24;
  for (const auto rows : {all, all.subspan(2, 3), all.subspan(0, 0)}) {
    const auto count = static_cast<int64_t>(rows.size());
    check_operation({.widest_row = columns, .rows = tree.rows()}, [&](Site& site) -> OutputList {
      site.begin(tree);
      const Tensor x = site.activations(tree.rows(), columns, random_floats(tree.rows() * columns, 1)),
                   y = site.activations(count, columns);
      site->gather_rows({.y = y, .x = x, .rows = rows});
      site->scatter_add_rows({.x = x, .y = y, .rows = rows});
      return {{"gathered", site.values(y), kOutputs}, {"scattered", site.values(x), kOutputs}};
    });
  }
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE("cuda rows: the traffic is the floor's") {
  const std::vector<int32_t> picks = {16, 0, 5, 3, 9};
  constexpr int64_t kColumns = 896;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    Site site(device_backend(), {}, {dtype, dtype}, {dtype, dtype}, Placement::aligned);
    const Tensor x = site.activations(17, kColumns, random_floats(17 * kColumns, 1)), y = site.activations(5, kColumns);
    const cuda_on_cpu::TrafficScope traffic;
    site->gather_rows({.y = y, .x = x, .rows = picks});
    site->scatter_add_rows({.x = x, .y = y, .rows = picks});
    site->scatter_rows({.x = x, .y = y, .rows = picks});
    const int64_t matrix = 5 * kColumns * static_cast<int64_t>(size_of(dtype));
    const auto within = [](int64_t moved, int64_t floor) {
      return moved >= floor && static_cast<double>(moved) <= 1.05 * static_cast<double>(floor);
    };
    CHECK(within(traffic.of("gather_rows").sector_bytes(), 2 * matrix));
    CHECK(within(traffic.of("scatter_rows").sector_bytes(), 2 * matrix));
    CHECK(within(traffic.of("scatter_add_rows").sector_bytes(), 3 * matrix));
  }
}
#endif

}  // namespace
}  // namespace cheems
