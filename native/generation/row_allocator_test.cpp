#include "generation/row_allocator.h"

#include <doctest/doctest.h>

#include <vector>

#include "core/random.h"

namespace cheems::generation {
namespace {

TEST_CASE("rows of the cache: never handed out twice, joined again when they come back") {
  constexpr int64_t kRows = 200;
  RowAllocator rows(kRows);
  std::vector<bool> used(kRows);
  std::vector<std::pair<int64_t, int64_t>> held;
  RandomStream random(1, 1);
  int64_t free_rows = kRows;
  for (int round = 0; round < 5000; ++round) {
    if (random.next() % 2 == 0 && !held.empty()) {
      const size_t which = random.next() % held.size();
      const auto [begin, count] = held[which];
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      rows.give_back(begin, count);
      for (int64_t row = begin; row < begin + count; ++row) used[static_cast<size_t>(row)] = false;
      free_rows += count;
    } else {
      const auto count = static_cast<int64_t>(random.next() % 40);
      const auto begin = rows.take(count);
      if (!begin) continue;
      CHECK(*begin >= 0);
      CHECK(*begin + count <= kRows);
      for (int64_t row = *begin; row < *begin + count; ++row) {
        CHECK(!used[static_cast<size_t>(row)]);
        used[static_cast<size_t>(row)] = true;
      }
      held.emplace_back(*begin, count);
      free_rows -= count;
    }
    CHECK(rows.free_rows() == free_rows);
  }
  for (const auto& [begin, count] : held) rows.give_back(begin, count);
  CHECK(rows.take(kRows) == 0);
  CHECK(!rows.take(1));
  CHECK(rows.take(0));
}

TEST_CASE("rows of the cache: a run is refused where no gap is long enough, though there are rows enough") {
  RowAllocator rows(10);
  const auto a = rows.take(4), b = rows.take(3), c = rows.take(3);
  rows.give_back(*a, 4);
  rows.give_back(*c, 3);
  CHECK(rows.free_rows() == 7);
  CHECK(!rows.take(5));
  rows.give_back(*b, 3);
  CHECK(rows.take(10) == 0);
}

}  // namespace
}  // namespace cheems::generation
