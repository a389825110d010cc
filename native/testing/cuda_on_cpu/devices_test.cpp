// Several emulated devices: what belongs to which, which calls are refused and with what message; and devices that are
// stopped by a kernel's fault.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#include "testing/cuda_on_cpu/kernel_calls.h"
#include "testing/cuda_on_cpu/test_devices.h"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

namespace {

std::string words_of(cudaError_t status, cudaError_t expected) {
  CHECK(status == expected);
  const std::string text = cudaGetErrorString(status);
  CHECK(cudaGetLastError() == expected);
  return text;
}

void check_holds(const std::string& text, const std::string& words) {
  const bool found = text.find(words) != std::string::npos;
  CHECK_MESSAGE(found, in_quotes(words), " is not in: ", text);
}

void launch_in(cudaStream_t stream, void (*call)(void*), void* argument = nullptr) {
  launch({"planted", nullptr, 1, 1, 1, 1, 0, stream, call, &argument, sizeof argument});
}

}  // namespace

TEST_CASE("devices: each has its name, capability and memory, and a thread its own choice") {
  const Devices devices(
      {{.name = "First"},
       {.name = "Second", .capability = 86, .memory_bytes = 4000, .used_bytes = 1000, .context_bytes = 500}});
  int count = 0, device = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 2);
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 1) == cudaSuccess);
  CHECK(std::string(properties.name) == "Second");
  CHECK(properties.major * 10 + properties.minor == 86);
  CHECK(free_bytes_of(1) == 3000);  // nobody has touched it
  CHECK(cudaSetDevice(1) == cudaSuccess);
  std::size_t free = 0, total = 0;
  CHECK(cudaMemGetInfo(&free, &total) == cudaSuccess);
  CHECK(free == 2500);
  CHECK(total == 4000);
  std::thread([&] { CHECK(cudaGetDevice(&device) == cudaSuccess); }).join();
  CHECK(device == 0);
  CHECK(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 1);
  void *memory = nullptr, *more = nullptr;
  CHECK(cudaMalloc(&memory, 2000) == cudaSuccess);
  check_holds(words_of(cudaMalloc(&more, 2000), cudaErrorMemoryAllocation), "500 of 4000 free");
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaMalloc(&more, 2000) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);  // whichever device is chosen
  CHECK(cudaFree(more) == cudaSuccess);
  CHECK(free_bytes_of(1) == 2500);
}

TEST_CASE("devices: memory, streams, events and products of another device are refused and told") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  float *here = nullptr, *there = nullptr, *out = nullptr, number = 0;
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreate(&event) == cudaSuccess);
  REQUIRE(cudaMalloc(&there, 64) == cudaSuccess);
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  REQUIRE(cudaMalloc(&here, 64) == cudaSuccess);
  REQUIRE(cudaMalloc(&out, 64) == cudaSuccess);
  check_holds(words_of(cudaMemcpy(&number, there, 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue),
              "memory of device 1, the stream belongs to device 0");
  check_holds(words_of(cudaMemsetAsync(here, 0, 4, stream), cudaErrorInvalidValue),
              "memory of device 0, the stream belongs to device 1");
  check_holds(words_of(cudaEventRecord(event, nullptr), cudaErrorInvalidResourceHandle),
              "the event is of device 1, the stream of device 0");
  CHECK_THROWS_WITH_AS(
      launch_in(stream, [](void*) {}),
      doctest::Contains("the stream belongs to device 1, the thread has chosen device 0 (cudaSetDevice)"), Error);
  CHECK(cudaMemset(here, 0, 64) == cudaSuccess);
  launch_read(here, out);
#ifndef __SANITIZE_ADDRESS__
  CHECK_THROWS_WITH_AS(launch_read(there, out),
                       doctest::Contains("which is memory of device 1, by a kernel on device 0"), Error);
#endif
  for (void* memory : {here, there, out}) CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(cudaEventDestroy(event) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("devices: one that is busy, full or without an image says so as CUDA does") {
  const Devices devices(
      {{}, {.busy = true}, {.memory_bytes = 1000, .used_bytes = 600, .context_bytes = 500}, {.capability = 120}},
      "sm_80 sm_90");
  check_holds(words_of(cudaSetDevice(1), cudaErrorDevicesUnavailable), "busy or unavailable");
  check_holds(words_of(cudaSetDevice(2), cudaErrorMemoryAllocation), "no room for a context on device 2");
  check_holds(words_of(cudaSetDevice(4), cudaErrorInvalidDevice), "there are 4 emulated devices, and no number 4");
  CHECK(cudaSetDevice(3) == cudaSuccess);
  cudaFuncAttributes attributes;
  check_holds(words_of(cudaFuncGetAttributes(&attributes, nullptr), cudaErrorNoKernelImageForDevice),
              "the kernels are compiled for sm_80 sm_90");
  launch_in(nullptr, [](void*) { throw Error("it must not run"); });
  CHECK(cudaGetLastError() == cudaErrorNoKernelImageForDevice);
  set_kernel_images("sm_80 PTX 9.0");
  CHECK(cudaFuncGetAttributes(&attributes, nullptr) == cudaSuccess);
  set_kernel_images("sm_120a");
  CHECK(cudaFuncGetAttributes(&attributes, nullptr) == cudaSuccess);
  CHECK(cudaSetDevice(0) == cudaSuccess);
}

TEST_CASE("devices: the environment's words for them") {
  const auto devices =
      devices_from("name=An A100,capability=8.0,memory=40960,used=100,context=300;capability=7.5,busy=1");
  REQUIRE(devices.size() == 2);
  CHECK(devices[0].name == "An A100");
  CHECK(devices[0].capability == 80);
  CHECK(devices[0].memory_bytes == std::size_t{40} << 30);
  CHECK(devices[0].used_bytes == 100 << 20);
  CHECK(devices[0].context_bytes == 300 << 20);
  CHECK_FALSE(devices[0].busy);
  CHECK(devices[1].capability == 75);
  CHECK(devices[1].busy);
  CHECK(devices_from("").empty());
  for (const std::string wrong : {"memory=x", "capability=9", "color=red", "busy", "memory=-1"})
    CHECK_THROWS_WITH_AS(devices_from(wrong), doctest::Contains("CHEEMS_EMULATED_DEVICES"), Error);
}

TEST_CASE(
    "a device that dies of a kernel: the launch says nothing, every later call on it fails, the other device goes on") {
  for (const bool deferred : {false, true}) {
    CAPTURE(deferred);
    const Devices devices(std::vector<EmulatedDevice>(2));
    set_streams_deferred(deferred);
    REQUIRE(cudaSetDevice(1) == cudaSuccess);
    cudaStream_t stream = nullptr;
    void *memory = nullptr, *more = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaMalloc(&memory, 64) == cudaSuccess);
    set_errors_sticky(true);
    launch_in(stream, [](void*) { throw Error("as planted"); });
    CHECK(cudaGetLastError() == cudaSuccess);
    check_holds(words_of(cudaStreamSynchronize(stream), cudaErrorLaunchFailure),
                "CUDA kernel planted, block (0, 0, 0)");
    for (int time = 0; time < 2; ++time) {
      CHECK(cudaMemsetAsync(memory, 0, 4, stream) == cudaErrorLaunchFailure);
      CHECK(cudaMalloc(&more, 4) == cudaErrorLaunchFailure);
      CHECK(cudaSetDevice(1) == cudaErrorLaunchFailure);
      CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
      launch_in(stream, [](void*) { throw Error("it must not run"); });
      CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
    }
    CHECK(cudaSetDevice(0) == cudaSuccess);
    CHECK(cudaMalloc(&more, 4) == cudaSuccess);
    CHECK(cudaFree(more) == cudaSuccess);
    CHECK(cudaFree(memory) == cudaErrorLaunchFailure);
    CHECK(cudaStreamDestroy(stream) == cudaErrorLaunchFailure);
    (void)cudaGetLastError();
  }
}

TEST_CASE("with CUDA_LAUNCH_BLOCKING=1 the launch itself reports the kernel that kills its device") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  set_errors_sticky(true);
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  launch_in(nullptr, [](void*) { throw Error("as planted"); });
  unsetenv("CUDA_LAUNCH_BLOCKING");
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
}

}  // namespace cheems::cuda_on_cpu
