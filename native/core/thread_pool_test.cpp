#include "core/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "core/arena.h"
#include "core/random.h"

namespace cheems {
namespace {

TEST_CASE(
    "thread pool: every task runs once, on a thread of the pool, whether there are more tasks than threads or fewer") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.size() == threads);
    for (const int64_t tasks : {0, 1, 2, 3, 7, 8, 9, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      std::atomic<int> strangers{0};
      pool.parallel_for(tasks, [&](int64_t task, int thread) {
        runs[static_cast<size_t>(task)].fetch_add(1);
        strangers += thread < 0 || thread >= threads;
      });
      for (const auto& count : runs) CHECK(count == 1);
      CHECK(strangers == 0);
    }
  }
}

TEST_CASE("thread pool: thousands of small loops after one another see each other's results") {
  for (const int threads : {2, 5}) {
    ThreadPool pool(threads);
    std::vector<int64_t> values(7, 0);  // plain memory: a loop's end makes its writes visible
    for (int round = 0; round < 5000; ++round) {
      pool.parallel_for(7, [&](int64_t task, int) { ++values[static_cast<size_t>(task)]; });
      if (round % 1000 == 999) CHECK(std::accumulate(values.begin(), values.end(), int64_t{0}) == 7 * (round + 1));
    }
  }
}

TEST_CASE("thread pool: a pool ends in order whether it worked, slept or never began") {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(1 + i % 4);
    std::atomic<int> sum{0};
    if (i % 2) pool.parallel_for(i, [&](int64_t, int) { ++sum; });
    CHECK(sum == (i % 2 ? i : 0));
  }
  CHECK(ThreadPool(0).size() >= 1);
}

TEST_CASE("thread pool: scratch of its own for each thread is never shared by two tasks at once") {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  std::atomic<int> clashes{0};
  pool.parallel_for(2000, [&](int64_t, int thread) {
    auto& mine = busy[static_cast<size_t>(thread)];
    clashes += mine.fetch_add(1) != 0;
    mine.fetch_sub(1);
  });
  CHECK(clashes == 0);
}

TEST_CASE("arena: hands out aligned pieces in order, and counts without memory exactly what it takes with it") {
  Arena counter;
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {0, 7}, {17, 31}})
    CHECK(counter.floats(rows, columns).data == nullptr);
  alignas(64) static char memory[1 << 14];
  Arena arena(memory);
  const char* end = memory;
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {0, 7}, {17, 31}}) {
    const Tensor tensor = arena.floats(rows, columns);
    CHECK(reinterpret_cast<uintptr_t>(tensor.data) % 64 == 0);
    CHECK(static_cast<char*>(tensor.data) >= end);
    CHECK((tensor.rows == rows && tensor.columns == columns && tensor.stride == columns));
    end = static_cast<char*>(tensor.data) + rows * columns * 4;
  }
  CHECK(arena.used() == counter.used());
  CHECK(arena.used() >= end - memory);
}

TEST_CASE("random: streams are fixed by seed and number, unlike each other, and have the moments that they claim") {
  RandomStream a(1, 2), same(1, 2), other_seed(2, 2), other_stream(1, 3);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = a.next();
    CHECK(value == same.next());
    equal += value == other_seed.next();
    equal += value == other_stream.next();
  }
  CHECK(equal == 0);
  RandomStream random(7, 0);
  const int count = 200000;
  double sum = 0, squares = 0, fourth = 0, uniform = 0;
  for (int i = 0; i < count; ++i) {
    const double u = random.uniform(), x = random.normal();
    REQUIRE((u > 0 && u <= 1));
    uniform += u, sum += x, squares += x * x, fourth += x * x * x * x;
  }
  // Five standard errors of each mean.
  CHECK(std::abs(uniform / count - 0.5) < 5 * std::sqrt(1.0 / 12 / count));
  CHECK(std::abs(sum / count) < 5 / std::sqrt(count));
  CHECK(std::abs(squares / count - 1) < 5 * std::sqrt(2.0 / count));
  CHECK(std::abs(fourth / count - 3) < 5 * std::sqrt(96.0 / count));
}

}  // namespace
}  // namespace cheems
