// Tests of the checks: a kernel with each kind of bug that the execution model finds, and the same kernel without it.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_array.h"
#include "testing/cuda_on_cpu/schedule.h"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

namespace {

// The message of what a launch throws; "" if it succeeds.
std::string outcome(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<Schedule> schedules() {
  std::vector<Schedule> all{{Order::forward, 1}, {Order::reverse, 1}};
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    all.push_back({Order::random, seed});
    all.push_back({Order::warp_sprint, seed});
  }
  return all;
}

// The correct kernel runs in every order. The wrong one is caught in every order, with a message that contains all of
// `words`. Afterwards the model still works.
void check_bug(const std::function<void(bool)>& run, std::initializer_list<const char*> words) {
  for (const Schedule schedule : schedules()) {
    const ScheduleScope scope(schedule);
    CAPTURE(static_cast<int>(schedule.order));
    CAPTURE(schedule.seed);
    CHECK(outcome([&] { run(false); }) == "");
    const std::string found = outcome([&] { run(true); });
    for (const std::string word : words) {
      const bool found_word = found.find(word) != std::string::npos;
      CHECK_MESSAGE(found_word, in_quotes(word), " is not in: ", found);
    }
    CHECK(outcome([&] { run(false); }) == "");
  }
}

struct Out : DeviceArray<float> {
  Out() : DeviceArray<float>(256) {}
};

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // kernels under AddressSanitizer do not report their accesses

TEST_CASE("races in shared memory are found in every order") {
  const Out out;
  const auto race = "race in shared memory: thread ";
  check_bug([&](bool bug) { launch_missing_barrier(out.data(), bug); },
            {"CUDA kernel missing_barrier, block (0, 0, 0): ", race, "4 bytes at byte ", "the same bytes",
             "with no __syncthreads in between"});
  check_bug([&](bool bug) { launch_missing_warp_barrier(out.data(), bug); },
            {race, "with no __syncwarp or __syncthreads in between"});
  check_bug([&](bool bug) { launch_partial_warp_barrier(out.data(), bug); },
            {race, "with no __syncwarp or __syncthreads"});
  check_bug([&](bool bug) { launch_write_after_read(out.data(), bug); }, {race, "read", "wr"});
  check_bug([&](bool bug) { launch_write_after_write(out.data(), bug); },
            {race, "writes 4 bytes", "wrote the same bytes"});
  check_bug([&](bool bug) { launch_shuffle_orders_nothing(out.data(), bug); }, {race, "with no __syncwarp"});
}

TEST_CASE("the halves of four bytes are told apart, whole words before and after") {
  const Out out;
  const auto race = "race in shared memory: thread ";
  check_bug(
      [&](bool bug) { launch_write_halves(out.data(), bug); },
      {race, "writes 2 bytes at byte 32 of shared memory", "wrote the same bytes", "with no __syncthreads in between"});
  check_bug([&](bool bug) { launch_read_halves(out.data(), bug); },
            {race, "2 bytes at byte 32 of shared memory", "the same bytes"});
}

TEST_CASE("a race is reported with both threads and the lines of their accesses") {
  const Out out;
  const ScheduleScope scope({Order::forward, 1});
  const std::string found = outcome([&] { launch_missing_barrier(out.data(), true); });
  // Thread 0 ran first and read the bytes that thread 32 wrote afterwards.
  CHECK(found.find("thread 32 writes 4 bytes at byte 128 of shared memory at ") != std::string::npos);
  CHECK(found.find(", and thread 0 read the same bytes at ") != std::string::npos);
  const std::string file = "testing/cuda_on_cpu/checks_test_kernels.cu:";
  const std::size_t one = found.find(file), other = found.find(file, one + 1);
  REQUIRE(other != std::string::npos);
  CHECK(std::atoi(found.c_str() + other + file.size()) == std::atoi(found.c_str() + one + file.size()) + 2);
}

TEST_CASE("reads of shared memory that the block never wrote are found, to the byte") {
  const Out out;
  check_bug([&](bool bug) { launch_uninitialized_shared(out.data(), bug); },
            {"uninitialized shared memory: thread 7 reads 4 bytes at byte 28 of shared memory",
             "was not written by this block before"});
  const DeviceArray<unsigned char> bytes(64);
  check_bug([&](bool bug) { launch_uninitialized_byte(bytes.data(), bug); },
            {"thread 9 reads 1 byte at byte 8 of shared memory"});
}

TEST_CASE("accesses out of range are found") {
  const Out out;
  check_bug(
      [&](bool bug) { launch_shared_out_of_range(out.data(), bug); },
      {"out of range: thread 63 writes 4 bytes at byte 1024 of shared memory", "of which the block has 1024 bytes"});
  const DeviceArray<float> exact(70);
  check_bug([&](bool bug) { launch_global_out_of_range(exact.data(), 70, bug); },
            {"CUDA kernel global_out_of_range, block (2, 0, 0): out of range: thread 6 writes 4 bytes at byte 280 of "
             "device allocation ",
             "(of 280 bytes)"});
}

TEST_CASE("memory that a kernel may not touch is told apart") {
  const Out out;
  check_bug([&](bool bug) { launch_host_memory(out.data(), bug); },
            {"illegal access: thread 0 writes 4 bytes of a variable of the host"});
  const std::vector<float> host(4, 1.0f);
  CHECK(outcome([&] { launch_read(host.data(), out.data()); }).find("reads 4 bytes of memory of the host") !=
        std::string::npos);
  CHECK(outcome([&] { launch_read(nullptr, out.data()); }).find("behind a null pointer") != std::string::npos);
  float* freed = nullptr;
  REQUIRE(cudaMalloc(&freed, 400) == cudaSuccess);
  REQUIRE(cudaFree(freed) == cudaSuccess);
  CHECK(outcome([&] { launch_read(freed, out.data()); }).find("(of 400 bytes)") != std::string::npos);
  CHECK(outcome([&] { launch_read(freed, out.data()); }).find("which is freed") != std::string::npos);
  CHECK(outcome([&] { launch_read(out.data(), out.data() + 1); }) == "");
}

TEST_CASE("blocks of one launch that meet in the same bytes are found") {
  const DeviceArray<unsigned> out(3);
  const auto run = [&](BlockBug bug) {
    return [&, bug](bool planted) {
      const DeviceArray<unsigned> fresh(std::vector<unsigned>(16, 0));
      launch_blocks(fresh.data(), out.data(), planted ? bug : BlockBug::none);
    };
  };
  check_bug(
      run(BlockBug::write_write),
      {"CUDA kernel blocks, block (", "race between blocks: thread 0 writes 4 bytes at byte 40 of device allocation ",
       "of the same launch wrote the same bytes. Blocks run in any order."});
  check_bug(run(BlockBug::write_read), {"race between blocks", "4 bytes at byte 40", "block (0, 0, 0)"});
  check_bug(run(BlockBug::read_write), {"race between blocks", "4 bytes at byte 40"});
  check_bug(run(BlockBug::plain_beside_atomic), {"race between blocks", "bytes at byte 0 of", "block (1, 0, 0)"});
}

TEST_CASE("a race between blocks names both") {
  const DeviceArray<unsigned> out(3), data(std::vector<unsigned>(16, 0));
  const ScheduleScope scope({Order::forward, 1});
  const std::string found = outcome([&] { launch_blocks(data.data(), out.data(), BlockBug::read_write); });
  CHECK(found.find("block (1, 0, 0): race between blocks: thread 0 writes 4 bytes at byte 40") != std::string::npos);
  CHECK(found.find("and block (0, 0, 0) of the same launch read the same bytes") != std::string::npos);
}

TEST_CASE("the last block may read what the others published with a fence and an atomic") {
  const DeviceArray<float> in(std::vector<float>(128, 0.5f)), partials(4), out(1);
  check_bug(
      [&](bool bug) {
        const DeviceArray<unsigned> ticket(std::vector<unsigned>{0});
        launch_last_block_sums(in.data(), partials.data(), ticket.data(), out.data(), bug);
        CHECK(out.values()[0] == 64.0f);
      },
      {"race between blocks", "wrote the same bytes"});
}

#endif

#ifdef __SANITIZE_ADDRESS__

// AddressSanitizer ends the process, so each bug gets its own process.
TEST_CASE("under AddressSanitizer memory out of range and of cp.async under way is poisoned") {
  const Out out;
  const DeviceArray<float> exact(70), in(std::vector<float>(256, 3.0f));
  const auto dies = [](const std::function<void()>& run) {
    const pid_t child = fork();
    if (child == 0) {
      std::fclose(stderr);
      close(2);
      try {
        run();
      } catch (...) {
      }
      _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return status != 0;
  };
  CHECK(!dies([&] { launch_shared_out_of_range(out.data(), false); }));
  CHECK(dies([&] { launch_shared_out_of_range(out.data(), true); }));
  CHECK(!dies([&] { launch_global_out_of_range(exact.data(), 70, false); }));
  CHECK(dies([&] { launch_global_out_of_range(exact.data(), 70, true); }));
  CHECK(!dies([&] { launch_async_copy(in.data(), out.data(), AsyncBug::none); }));
  CHECK(dies([&] { launch_async_copy(in.data(), out.data(), AsyncBug::touched); }));
  CHECK(dies([&] { launch_async_copy(in.data(), out.data(), AsyncBug::no_wait); }));
}

#endif

TEST_CASE("vector accesses must be aligned") {
  const Out out;
  const DeviceArray<float> in(std::vector<float>(16, 1.0f));
  check_bug([&](bool bug) { launch_read_vector(in.data() + (bug ? 1 : 4), out.data()); },
            {"misaligned access: thread 0 reads 16 bytes at 0x", "not a multiple of 16"});
  check_bug([&](bool bug) { launch_write_shared_vector(out.data(), bug ? 2 : 8); },
            {"misaligned access: thread 0 writes 16 bytes"});
  CHECK(outcome([&] { launch_read_vector(in.data() + 16, out.data()); }).find("out of range") != std::string::npos);
  CHECK(outcome([&] { launch_write_shared_vector(out.data(), 256); }).find("out of range") != std::string::npos);
}

TEST_CASE("barriers and warp functions that not all threads reach are reported with who waits where") {
  const Out out;
  check_bug([&](bool bug) { launch_divergent_barrier(out.data(), bug); },
            {"deadlock: 16 threads wait (thread 0 is the first) at __syncthreads in ",
             "checks_test_kernels.cu:", "16 threads wait (thread 16 is the first) at a warp shuffle",
             "with the mask 0xffffffff", "0 threads have returned"});
  check_bug([&](bool bug) { launch_early_return(out.data(), bug); },
            {"40 threads wait at __syncthreads in ", "but 24 have already returned from the kernel"});
  check_bug([&](bool bug) { launch_two_barriers(out.data(), bug); },
            {"the block meets at two different barriers: thread 0 at", "thread 32 in"});
  check_bug([&](bool bug) { launch_wrong_mask(out.data(), bug); },
            {"CUDA kernel wrong_mask, block (0, 0, 0): thread 3", "mask 0x7fffffff"});
  check_bug([&](bool bug) { launch_unmatched_mask(out.data(), bug); },
            {"deadlock: 24 threads wait (thread 8 is the first) at a warp shuffle", "8 threads have returned"});
  check_bug([&](bool bug) { launch_different_functions(out.data(), bug); },
            {"lanes of one warp call different functions with the same mask", "__syncwarp", "a warp shuffle"});
  check_bug([&](bool bug) { launch_shuffle_from_outside(out.data(), bug); },
            {"shuffles from lane 20", "not in the mask 0xffff"});
}

TEST_CASE("cp.async must be waited for, and a barrier must follow") {
  const Out out;
  const DeviceArray<float> in(std::vector<float>(256, 3.0f));
  const auto run = [&](AsyncBug bug) {
    return [&, bug](bool planted) { launch_async_copy(in.data(), out.data(), planted ? bug : AsyncBug::none); };
  };
  check_bug(run(AsyncBug::never_waited), {"returns from the kernel with 1 cp.async copy it never waited for"});
  check_bug(run(AsyncBug::misaligned), {"misaligned access", "cp.async of 16 bytes a target that is not aligned"});
#ifndef __SANITIZE_ADDRESS__
  check_bug(run(AsyncBug::no_wait), {"reads 4 bytes at byte", "to which a cp.async of thread ", "is still under way"});
  check_bug(run(AsyncBug::too_few_waited), {"is still under way: that thread must wait for it first"});
  check_bug(run(AsyncBug::touched),
            {"thread 5 reads 4 bytes at byte 80 of shared memory", "a cp.async of its own", "is still under way"});
  check_bug(run(AsyncBug::overwritten),
            {"thread 5 writes 4 bytes at byte 88 of shared memory", "a cp.async of its own"});
  check_bug(run(AsyncBug::no_barrier), {"race in shared memory"});
#endif
}

TEST_CASE("blocks of more threads than __launch_bounds__ promise, or than registers are sure to do for, are refused") {
  const Out out;
  check_bug([&](bool bug) { launch_bound(out.data(), bug ? 97 : 96); },
            {"CUDA kernel bound cannot be launched with 1 x 1 x 1 blocks of 97 threads",
             "its __launch_bounds__ promise blocks of at most 96 threads"});
  check_bug([&](bool bug) { launch_bound_by_template(out.data(), bug ? 65 : 64, false); },
            {"bound_by_template", "at most 64 threads"});
  check_bug([&](bool bug) { launch_bound_by_template(out.data(), bug ? 192 : 160, true); },
            {"bound_by_template", "at most 160 threads"});
  check_bug([&](bool bug) { launch_unbound(out.data(), bug ? 257 : 256); },
            {"unbound", "255 registers", "more than 256 threads"});
  CHECK(outcome([&] {
          launch_bound_too_high(out.data());
        }).find("ask for 3 blocks of 1024 threads on a multiprocessor, which holds 2048 threads") != std::string::npos);
}

TEST_CASE("an exception in a kernel ends the launch") {
  const Out out;
  CHECK(outcome([&] {
          launch_throw(out.data());
        }).find("the kernel threw an exception, which no kernel may do on a GPU: as planted") != std::string::npos);
}

}  // namespace cheems::cuda_on_cpu
