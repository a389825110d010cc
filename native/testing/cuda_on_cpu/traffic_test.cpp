// Tests the execution model's counts for kernels whose traffic is known.
#ifndef __SANITIZE_ADDRESS__  // kernels under AddressSanitizer do not report their accesses

#include "testing/cuda_on_cpu/traffic.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_array.h"
#include "testing/cuda_on_cpu/schedule.h"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

namespace {

// cudaMalloc aligns to a sector, so these figures are exact.
struct Arrays {
  DeviceArray<float> in{std::vector<float>(16384, 1.0f)};
  DeviceArray<float> out{2048};
};

}  // namespace

TEST_CASE("coalesced and strided copies, in every order") {
  const Arrays arrays;
  for (const Schedule schedule :
       {Schedule{Order::forward, 1}, {Order::reverse, 1}, {Order::random, 4}, {Order::warp_sprint, 5}}) {
    const ScheduleScope order(schedule);
    const TrafficScope scope;
    launch_copy(arrays.in.data(), arrays.out.data(), 2000, 1);
    KernelTraffic traffic = scope.of("copy");
    CHECK(traffic.launches == 1);
    CHECK(traffic.blocks == 8);
    CHECK(traffic.global_load_bytes == 8000);
    CHECK(traffic.global_store_bytes == 8000);
    CHECK(traffic.global_load_sectors == 250);  // 8 values per sector
    CHECK(traffic.global_store_sectors == 250);
    CHECK(traffic.global_load_requests == 63);  // 62.5 warps
    CHECK(traffic.sector_bytes() == traffic.global_bytes());
    launch_copy(arrays.in.data(), arrays.out.data(), 2000, 8);
    traffic = scope.of("copy");
    CHECK(traffic.launches == 2);
    CHECK(traffic.global_load_bytes == 16000);
    CHECK(traffic.global_load_sectors == 250 + 2000);  // one each
  }
}

TEST_CASE("a broadcast is one sector, vectors are whole ones") {
  const Arrays arrays;
  const TrafficScope scope;
  launch_copy(arrays.in.data(), arrays.out.data(), 2048, 0);
  CHECK(scope.of("copy").global_load_sectors == 64);
  CHECK(scope.of("copy").global_load_bytes == 8192);
  launch_copy_vectors(arrays.in.data(), arrays.out.data(), 2048);
  const KernelTraffic traffic = scope.of("copy_vectors");
  CHECK(traffic.global_load_bytes == 8192);
  CHECK(traffic.global_load_sectors == 256);
  CHECK(traffic.global_load_requests == 16);
  CHECK(traffic.global_store_requests == 16);
  launch_copy_vectors(arrays.in.data() + 4, arrays.out.data(), 2048);  // half a sector off: one more for each warp
  CHECK(scope.of("copy_vectors").global_load_sectors == 256 + 256 + 16);
}

TEST_CASE("bank conflicts of strides") {
  const Arrays arrays;
  const struct { int stride, ways; } known[] = {{1, 1}, {2, 2}, {3, 1}, {4, 4}, {8, 8}, {16, 16}, {32, 32}, {33, 1}};
  for (const auto [stride, ways] : known) {
    CAPTURE(stride);
    const TrafficScope scope;
    launch_shared_stride(arrays.out.data(), stride);
    const KernelTraffic traffic = scope.of("shared_stride");
    CHECK(traffic.shared_load_bytes == 128);
    CHECK(traffic.shared_store_bytes == 128);
    CHECK(traffic.shared_wavefronts == 2 * ways);  // a store and a load
    CHECK(traffic.bank_conflicts == 2 * (ways - 1));
    CHECK(traffic.warp_functions == 1);
  }
}

TEST_CASE("bank conflicts of vectors: eight lanes at a time") {
  const Arrays arrays;
  const auto conflicts = [&](int pitch) {
    const TrafficScope scope;
    launch_shared_vectors(arrays.out.data(), pitch);
    CHECK(scope.of("shared_vectors").shared_store_bytes == 512);
    return scope.of("shared_vectors").bank_conflicts;
  };
  CHECK(conflicts(4) == 0);
  CHECK(conflicts(8) == 4 * 1);  // two of eight lanes meet in each bank
  CHECK(conflicts(20) == 0);
  CHECK(conflicts(32) == 4 * 7);  // all eight do
}

TEST_CASE("cp.async, ldmatrix and mma") {
  const DeviceArray<__nv_bfloat16> a(std::vector<__nv_bfloat16>(256, __float2bfloat16_rn(1.0f)));
  const Arrays arrays;
  const auto run = [&](int pitch) {
    const TrafficScope scope;
    launch_tile_product(a.data(), arrays.out.data(), pitch, 3);
    return scope.of("tile_product");
  };
  KernelTraffic traffic = run(24);  // 48 bytes per row: eight rows fall into different banks
  CHECK(traffic.async_copy_bytes == 512);
  CHECK(traffic.global_load_bytes == 512);
  CHECK(traffic.global_load_sectors == 16);
  CHECK(traffic.global_store_sectors == 4);
  CHECK(traffic.shared_store_bytes == 512);
  CHECK(traffic.shared_load_bytes == 3 * 512);
  CHECK(traffic.barriers == 1);
  CHECK(traffic.mma == 3);
  CHECK(traffic.mma_flops() == 3 * 4096);
  CHECK(traffic.shared_wavefronts - traffic.bank_conflicts == 4 + 3 * 4);
  const std::int64_t of_the_copy = traffic.bank_conflicts;
  CHECK(of_the_copy == 4);  // the copy writes two pieces of four rows at a time: 128 bytes with gaps, one bank twice
  traffic = run(64);        // 128 bytes per row: all eight rows of a matrix in the same banks
  CHECK(traffic.bank_conflicts == 3 * 4 * 7 + 4 * 3);
}

TEST_CASE("nothing is counted outside of a scope, and scopes do not nest") {
  const Arrays arrays;
  {
    const TrafficScope scope;
    CHECK_THROWS_WITH_AS(TrafficScope{}, "A TrafficScope lives already: they do not nest.", Error);
    CHECK(scope.all().empty());
  }
  launch_copy(arrays.in.data(), arrays.out.data(), 2000, 1);
  const TrafficScope scope;
  CHECK(scope.of("copy").launches == 0);
}

}  // namespace cheems::cuda_on_cpu

#endif
