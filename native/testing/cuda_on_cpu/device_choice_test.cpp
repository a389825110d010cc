// Which of several devices the backend chooses, and what it says about those that it does not choose.
#include "backends/device_choice.h"

#include <doctest/doctest.h>

#include <thread>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/images.h"
#include "backends/plugin.h"
#include "testing/cuda_on_cpu/test_devices.h"
#include "testing/model_check.h"
#include "testing/small_model.h"

extern "C" const cheems::PluginTable* cheems_plugin_entry();

namespace cheems {
namespace {

using cuda_on_cpu::Devices;
using cuda_on_cpu::EmulatedDevice;
using cuda_on_cpu::kGib;
using testing::check_refused;
using testing::OwnedSamples;
using testing::refusal;

// The devices of this process as the loader sees them.
CudaDevices seen() {
  CudaDevices devices{cheems_plugin_entry(), {}, ""};
  for (const auto& [text, unusable] : cuda::describe_devices(devices.missing)) devices.list.push_back({text, unusable});
  return devices;
}

TEST_CASE(
    "choice of device: the freest first in whole GiB, of equals the lower number, and the one that was taken before") {
  const auto gib = [](double count) { return static_cast<int64_t>(count * 0x1p30); };
  CHECK(order_of_trial({0, 1, 2}, {gib(10), gib(70), gib(40)}, -1) == std::vector<int>{1, 2, 0});
  CHECK(order_of_trial({0, 1, 2}, {gib(70.1), gib(70.9), gib(70.5)}, -1) == std::vector<int>{0, 1, 2});
  CHECK(order_of_trial({1, 3}, {gib(70), gib(70)}, -1) == std::vector<int>{1, 3});
  CHECK(order_of_trial({0, 1, 2}, {-1, -1, -1}, -1) == std::vector<int>{0, 1, 2});
  CHECK(order_of_trial({0, 1, 2}, {-1, gib(1), -1}, -1) == std::vector<int>{1, 0, 2});
  CHECK(order_of_trial({0, 1, 2}, {gib(79), gib(79), gib(78)}, 2) == std::vector<int>{2, 0, 1});
  CHECK(order_of_trial({0, 1}, {gib(79), gib(20)}, 1) == std::vector<int>{0, 1});
  CHECK(order_of_trial({0}, {-1}, 5) == std::vector<int>{0});
  CHECK(order_of_trial({}, {}, 0).empty());
}

TEST_CASE("choice of device: of several GPUs the one with the most free memory, and the same one again") {
  const Devices devices({{.memory_bytes = 80 * kGib, .used_bytes = 60 * kGib},
                         {.memory_bytes = 80 * kGib, .used_bytes = kGib, .context_bytes = 2 * kGib},
                         {.memory_bytes = 80 * kGib, .used_bytes = kGib}});
  int kept = -1;
  const TakenDevice taken = take_cuda(seen(), kept);
  REQUIRE(taken.backend);
  CHECK(taken.backend->name() == "cuda:1");
  CHECK(taken.why == "; chosen from 3 GPUs by free memory: 79.0 GiB");
  CHECK(kept == 1);
  CHECK(take_cuda(seen(), kept).backend->name() == "cuda:1");  // although its context makes it the second
  int fresh = -1;
  CHECK(take_cuda(seen(), fresh).backend->name() == "cuda:2");
}

TEST_CASE("choice of device: without the driver's management library the GPUs' own order") {
  const Devices devices({{.memory_bytes = 80 * kGib, .used_bytes = 60 * kGib}, {.memory_bytes = 80 * kGib}});
  cuda_on_cpu::set_management_library(false);
  int kept = -1;
  const TakenDevice taken = take_cuda(seen(), kept);
  CHECK(taken.backend->name() == "cuda:0");
  CHECK(taken.why == "; chosen from 2 GPUs in their order");
}

TEST_CASE(
    "choice of device: the next GPU is taken where one is busy, full, too old or has no image, and each reason is "
    "told") {
  const Devices devices({{.name = "Old", .capability = 75, .memory_bytes = 90 * kGib},
                         {.name = "Strange", .capability = 120, .memory_bytes = 90 * kGib},
                         {.name = "Busy", .memory_bytes = 89 * kGib, .busy = true},
                         {.name = "Full", .memory_bytes = 88 * kGib, .context_bytes = 89 * kGib},
                         {.name = "Good", .capability = 80, .memory_bytes = 8 * kGib}},
                        "sm_80 sm_90");
  int kept = -1;
  const TakenDevice taken = take_cuda(seen(), kept);
  REQUIRE(taken.backend);
  CHECK(taken.backend->name() == "cuda:4");
  check_refused(taken.why, {"; chosen from 3 GPUs by free memory: 8.0 GiB;",
                            "cuda:0 (Old, compute capability 7.5, 90 GiB) was not used: the Old has compute "
                            "capability 7.5, and these kernels need 8.0",
                            "cuda:1 (Strange, compute capability 12.0, 90 GiB) was not used: the CUDA backend holds "
                            "no code for compute capability 12.0 (Strange); it holds sm_80 sm_90;",
                            "cuda:2 (Busy, compute capability 9.0, 89 GiB) was not used: cuda:2 (Busy) cannot be "
                            "used: another process has it for itself",
                            "cuda:3 (Full, compute capability 9.0, 88 GiB) was not used: Out of GPU memory: cuda:3 "
                            "(Full) has not even room for CUDA's own context"});
  CHECK(taken.why.find("..") == std::string::npos);
}

TEST_CASE("choice of device: where no GPU can be taken, all reasons; a number means that GPU and no other") {
  const Devices devices({{.name = "Strange", .capability = 120}, {.name = "Busy", .busy = true}}, "sm_90");
  int kept = -1;
  const TakenDevice taken = take_cuda(seen(), kept);
  CHECK_FALSE(taken.backend);
  check_refused(taken.why, {"cuda:0 (Strange, ", "no code for compute capability 12.0", "; cuda:1 (Busy, ",
                            "another process has it"});
  CHECK(kept == -1);
  check_refused(refusal([] { create_cuda_backend(1); }),
                {"cuda:1 (Busy) cannot be used: another process has it for itself"});
  check_refused(refusal([] { create_cuda_backend(0); }),
                {"cuda:0 cannot be used: the CUDA backend holds no code for compute capability 12.0", "it holds sm_90",
                 "npx cheems-native build"});
  check_refused(refusal([] { create_cuda_backend(2); }), {"There is no device cuda:2", "2 GPUs (cuda:0 to cuda:1)"});
}

TEST_CASE("choice of device: the device itself is asked for an image, whatever the list says") {
  CHECK(cuda::has_image_for("sm_80 sm_90a PTX 8.0", 103));
  CHECK(cuda::has_image_for("sm_80", 86));
  CHECK_FALSE(cuda::has_image_for("sm_86", 80));
  CHECK_FALSE(cuda::has_image_for("sm_80", 90));
  CHECK(cuda::has_image_for("sm_90a", 90));
  CHECK_FALSE(cuda::has_image_for("sm_100a", 103));
  CHECK_FALSE(cuda::has_image_for("PTX 10.0", 90));
  CHECK(cuda::has_image_for("sm_75 PTX 7.5", 120));
  CHECK(cuda::has_image_for("", 90));
}

// Two models on two devices, called alternately: every call must select its own device.
TEST_CASE("two devices at once: two models trained in turn by one thread and scored by another") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const testing::SmallModel folder(testing::small_config());
  const auto first = create_cuda_backend(0), second = create_cuda_backend(1);
  OwnedSamples samples;
  for (int32_t s = 0; s < 4; ++s) samples.add({1 + s, 2, 3, 4, 5, 6}, s / 2);
  const std::vector<Comparison> pairs{{.a = 0, .b = 1}, {.a = 2, .b = 3}};
  struct Side {
    std::unique_ptr<model::RewardModel> model;
    std::unique_ptr<training::Trainer> trainer;
  } sides[2];
  for (int side = 0; side < 2; ++side) {
    sides[side].model = testing::load_model(folder.folder(), {.backend = side == 0 ? *first : *second});
    sides[side].trainer =
        std::make_unique<training::Trainer>(*sides[side].model, training::TrainerOptions{.micro_batch_tokens = 16});
  }
  for (int64_t step = 1; step <= 2; ++step) {
    double loss[2];
    for (int side = 0; side < 2; ++side)
      loss[side] =
          sides[side].trainer->step(samples.view(), pairs, {.step = step, .learning_rate = 1e-2}, Control()).loss;
    CHECK(loss[0] == loss[1]);
  }
  std::vector<float> rewards[2];
  std::thread([&] {
    for (int side = 1; side >= 0; --side) rewards[side] = sides[side].trainer->score(samples.view(), Control());
  }).join();
  CHECK(rewards[0] == rewards[1]);
  for (auto& side : sides) side.trainer.reset(), side.model.reset();
}

}  // namespace
}  // namespace cheems
