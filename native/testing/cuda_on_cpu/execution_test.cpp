// Tests that the execution model computes what a GPU would: built-in variables, warp functions, tensor cores, atomics,
// and the order of threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_array.h"
#include "testing/cuda_on_cpu/schedule.h"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

namespace {

const Schedule kSchedules[] = {{Order::forward, 1}, {Order::reverse, 1},     {Order::random, 1},     {Order::random, 2},
                               {Order::random, 3},  {Order::warp_sprint, 1}, {Order::warp_sprint, 2}};

std::vector<int> counting(int n, int factor) {
  std::vector<int> values(n);
  for (int i = 0; i < n; ++i) values[i] = i * factor;
  return values;
}

// Small values that bfloat16 represents exactly, from a linear congruential generator.
std::vector<__nv_bfloat16> small_values(int n, std::uint32_t seed) {
  std::vector<__nv_bfloat16> values(n);
  for (__nv_bfloat16& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = __float2bfloat16_rn(static_cast<float>(static_cast<int>(seed >> 24) - 128) / 32.0f);
  }
  return values;
}

}  // namespace

TEST_CASE("blocks and threads know where they are") {
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    const DeviceArray<int> out(6 * 70);
    launch_coordinates(out.data(), 3, 2, 70);
    const std::vector<int> values = out.values();
    for (int block = 0; block < 6; ++block) {
      for (int thread = 0; thread < 70; ++thread) CHECK(values[block * 70 + thread] == 1000 * block + thread);
    }
  }
}

TEST_CASE("shuffles and votes") {
  const std::vector<int> in = counting(32, 7);
  const DeviceArray<int> device_in(in), out(8 * 32);
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    launch_warp_functions(device_in.data(), out.data());
    const std::vector<int> values = out.values();
    std::uint32_t divisible = 0;
    for (int lane = 0; lane < 32; ++lane) divisible |= (in[lane] % 3 == 0 ? 1u : 0u) << lane;
    for (int lane = 0; lane < 32; ++lane) {
      CAPTURE(lane);
      CHECK(values[0 * 32 + lane] == in[5]);
      CHECK(values[1 * 32 + lane] == in[lane ^ 9]);
      CHECK(values[2 * 32 + lane] == in[lane + 3 < 32 ? lane + 3 : lane]);
      CHECK(values[3 * 32 + lane] == in[lane % 16 >= 4 ? lane - 4 : lane]);
      CHECK(static_cast<std::uint32_t>(values[4 * 32 + lane]) == divisible);
      CHECK(values[5 * 32 + lane] == 1);
      CHECK(values[6 * 32 + lane] == 1);
      CHECK(values[7 * 32 + lane] == in[lane / 8 * 8 + 7]);
    }
  }
}

TEST_CASE("parts of a warp shuffle among themselves, independently") {
  const std::vector<int> in = counting(32, 1);
  const DeviceArray<int> device_in(in), out(32);
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    launch_half_warps(device_in.data(), out.data());
    const std::vector<int> values = out.values();
    for (int lane = 0; lane < 16; ++lane) CHECK(values[lane] == 8 * (lane / 8 * 8) + 28);  // the sum of its eight
    for (int lane = 16; lane < 32; ++lane) CHECK(values[lane] == 376);                     // 16 + ... + 31
  }
}

TEST_CASE("mma and ldmatrix have the fragments of PTX: products against plain loops") {
  const std::vector<__nv_bfloat16> a = small_values(256, 1), b = small_values(128, 2);
  std::vector<__nv_bfloat16> a_transposed(256);
  std::vector<float> expected(128);
  for (int i = 0; i < 16; ++i) {
    for (int k = 0; k < 16; ++k) a_transposed[k * 16 + i] = a[i * 16 + k];
    for (int j = 0; j < 8; ++j) {
      expected[i * 8 + j] = static_cast<float>(i - j);
      for (int k = 0; k < 16; ++k)
        expected[i * 8 + j] += __bfloat162float(a[i * 16 + k]) * __bfloat162float(b[k * 8 + j]);
    }
  }
  const DeviceArray<__nv_bfloat16> device_a(a), device_transposed(a_transposed), device_b(b);
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    for (const Fragments how :
         {Fragments::direct, Fragments::ldmatrix, Fragments::ldmatrix_x2, Fragments::transposed_a}) {
      CAPTURE(static_cast<int>(how));
      std::vector<float> c(128);
      for (int i = 0; i < 128; ++i) c[i] = static_cast<float>(i / 8 - i % 8);
      const DeviceArray<float> device_c(c);
      launch_matrix_product((how == Fragments::transposed_a ? device_transposed : device_a).data(), device_b.data(),
                            device_c.data(), how);
      CHECK(device_c.values() == expected);  // sums of multiples of 2^-10 below 2^14: exact in any order
    }
  }
}

TEST_CASE("a sum with barriers is the same bits in every order") {
  std::vector<float> in(1000);
  for (int i = 0; i < 1000; ++i) in[i] = std::sin(static_cast<float>(i));
  const DeviceArray<float> device_in(in), out(1);
  launch_tree_sum(device_in.data(), out.data(), 1000);
  const float forward = out.values()[0];
  CHECK(forward == doctest::Approx(std::accumulate(in.begin(), in.end(), 0.0)).epsilon(1e-4));
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    launch_tree_sum(device_in.data(), out.data(), 1000);
    CHECK(out.values()[0] == forward);
  }
}

TEST_CASE("atomics in shared and device memory add up") {
  std::vector<int> in(5000);
  for (int i = 0; i < 5000; ++i) in[i] = i * i % 16;
  std::vector<unsigned> expected(16, 0);
  for (const int bin : in) ++expected[bin];
  const DeviceArray<int> device_in(in);
  for (const Schedule schedule : kSchedules) {
    const ScheduleScope scope(schedule);
    const DeviceArray<unsigned> out(std::vector<unsigned>(16, 0));
    launch_histogram(device_in.data(), 5000, out.data(), 3);
    CHECK(out.values() == expected);
  }
}

TEST_CASE("the order of threads is the schedule's, and its seed repeats it") {
  const auto arrivals = [](Schedule schedule) {
    const ScheduleScope scope(schedule);
    const DeviceArray<unsigned> counter(std::vector<unsigned>{0}), out(96);
    launch_order_of_arrival(counter.data(), out.data(), 96);
    return out.values();
  };
  std::vector<unsigned> up(96), down(96);
  std::iota(up.begin(), up.end(), 0u);
  std::iota(down.rbegin(), down.rend(), 0u);
  CHECK(arrivals({Order::forward, 1}) == up);
  CHECK(arrivals({Order::reverse, 1}) == down);
  for (const Order order : {Order::random, Order::warp_sprint}) {
    const std::vector<unsigned> once = arrivals({order, 7});
    CHECK(arrivals({order, 7}) == once);
    CHECK(arrivals({order, 8}) != once);
    CHECK(once != up);
    std::vector<unsigned> sorted = once;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == up);
  }
  // One warp runs to its end before the next one starts.
  const std::vector<unsigned> sprint = arrivals({Order::warp_sprint, 3});
  for (int warp = 0; warp < 3; ++warp) {
    const auto [first, last] = std::minmax_element(sprint.begin() + 32 * warp, sprint.begin() + 32 * (warp + 1));
    CHECK(*last - *first == 31);
  }
}

TEST_CASE("every block runs once in every order, and the order of blocks is the schedule's") {
  const auto arrivals = [](Schedule schedule) {
    const ScheduleScope scope(schedule);
    const DeviceArray<unsigned> counter(std::vector<unsigned>{0}), out(60);
    launch_order_of_blocks(counter.data(), out.data(), 5, 12);
    return out.values();
  };
  const std::vector<unsigned> up = arrivals({Order::forward, 1});
  for (unsigned i = 0; i < 60; ++i) CHECK(up[i] == i);
  const std::vector<unsigned> down = arrivals({Order::reverse, 1});
  for (unsigned i = 0; i < 60; ++i) CHECK(down[i] == 59 - i);
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    std::vector<unsigned> drawn = arrivals({Order::random, seed});
    CHECK(arrivals({Order::random, seed}) == drawn);
    CHECK(drawn != up);
    std::sort(drawn.begin(), drawn.end());
    CHECK(drawn == up);
  }
}

TEST_CASE("schedules are read from words") {
  CHECK(parse_schedule("reverse").order == Order::reverse);
  CHECK(parse_schedule("warp_sprint:12").order == Order::warp_sprint);
  CHECK(parse_schedule("random:18446744073709551615").seed == 18446744073709551615u);
  CHECK_THROWS_WITH_AS(parse_schedule("sideways"),
                       doctest::Contains("write forward, reverse, random:SEED or warp_sprint:SEED"), Error);
  CHECK_THROWS_WITH_AS(parse_schedule("random:x"), doctest::Contains("must be a whole number"), Error);
  CHECK_THROWS_WITH_AS(parse_schedule("random:"), doctest::Contains("must be a whole number"), Error);
}

TEST_CASE("new device memory is NaN in float32 and in bfloat16") {
  const DeviceArray<float> floats(3);
  for (const float value : floats.values()) CHECK(std::isnan(value));
  const DeviceArray<__nv_bfloat16> halves(3);
  for (const __nv_bfloat16 value : halves.values()) CHECK(std::isnan(__bfloat162float(value)));
}

}  // namespace cheems::cuda_on_cpu
