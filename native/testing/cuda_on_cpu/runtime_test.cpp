// The emulated CUDA runtime: memory, copies, streams, events and limits; mistakes in calls are found.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#include "testing/cuda_on_cpu/kernel_calls.h"
#include "testing/cuda_on_cpu/test_kernels.h"

namespace cheems::cuda_on_cpu {

namespace {

// Checks that the call failed with this code, and that the message contains `words`.
void check_error(cudaError_t status, cudaError_t expected, const std::string& words) {
  CHECK(status == expected);
  const std::string text = cudaGetErrorString(status);
  const bool found = text.find(words) != std::string::npos;
  CHECK_MESSAGE(found, in_quotes(words), " is not in: ", text);
  CHECK(cudaGetLastError() == expected);
  CHECK(cudaGetLastError() == cudaSuccess);
}

void launch_shape(std::int64_t x, std::int64_t y, int threads, std::int64_t shared_bytes, const void* kernel = nullptr,
                  cudaStream_t stream = nullptr) {
  launch({"shape", kernel, x, y, 1, threads, shared_bytes, stream, [](void*) {}, nullptr, 0});
}

}  // namespace

TEST_CASE("copies go where they are told, two-dimensional ones too") {
  char* device = nullptr;
  REQUIRE(cudaMalloc(&device, 100) == cudaSuccess);
  std::vector<char> host(100), back(100, 0);
  for (int i = 0; i < 100; ++i) host[i] = static_cast<char>(i);
  CHECK(cudaMemcpyAsync(device, host.data(), 100, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemsetAsync(device + 10, 7, 5) == cudaSuccess);
  CHECK(cudaMemcpyAsync(back.data(), device, 100, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(back[9] == 9);
  CHECK(back[10] == 7);
  CHECK(back[14] == 7);
  CHECK(back[15] == 15);
  CHECK(cudaMemcpy2DAsync(back.data(), 3, device + 20, 10, 3, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
  for (int row = 0; row < 4; ++row) CHECK(back[3 * row + 2] == 20 + 10 * row + 2);
  CHECK(cudaFree(device) == cudaSuccess);
}

TEST_CASE("copies out of bounds, in the wrong direction or of freed memory are refused in words") {
  char *device = nullptr, *freed = nullptr;
  char host[100] = {};
  REQUIRE(cudaMalloc(&device, 100) == cudaSuccess);
  REQUIRE(cudaMalloc(&freed, 100) == cudaSuccess);
  REQUIRE(cudaFree(freed) == cudaSuccess);
  check_error(cudaMemcpy(device + 1, host, 100, cudaMemcpyHostToDevice), cudaErrorInvalidValue,
              "invalid argument (cudaMemcpy: 100 bytes at offset 1 of the target do not fit into allocation ");
  check_error(cudaMemcpy(host, device, 50, cudaMemcpyHostToDevice), cudaErrorInvalidMemcpyDirection,
              "the target is host memory");
  check_error(cudaMemcpy(device, device, 50, cudaMemcpyHostToDevice), cudaErrorInvalidMemcpyDirection,
              "the source is device memory");
  check_error(cudaMemcpyAsync(host, freed, 1, cudaMemcpyDeviceToHost), cudaErrorInvalidValue,
              "the source lies in freed memory");
  check_error(cudaMemsetAsync(device, 0, 101), cudaErrorInvalidValue, "101 bytes at offset 0 of the target");
  check_error(cudaFree(freed), cudaErrorInvalidValue, "it was freed before");
  check_error(cudaFree(device + 1), cudaErrorInvalidValue, "nothing live begins at this address");
  CHECK(cudaFree(device) == cudaSuccess);
  CHECK(cudaFree(nullptr) == cudaSuccess);
}

TEST_CASE("device memory is limited, and what is freed is free again") {
  std::size_t before = 0, total = 0, during = 0;
  CHECK(cudaMemGetInfo(&before, &total) == cudaSuccess);
  set_device_memory(total - before + 1000);
  void *first = nullptr, *second = nullptr;
  CHECK(cudaMalloc(&first, 600) == cudaSuccess);
  CHECK(cudaMemGetInfo(&during, &total) == cudaSuccess);
  CHECK(during == 400);
  check_error(cudaMalloc(&second, 600), cudaErrorMemoryAllocation, "out of memory (600 bytes asked for, 400 of ");
  CHECK(second == nullptr);
  CHECK(cudaFree(first) == cudaSuccess);
  CHECK(cudaMalloc(&second, 600) == cudaSuccess);
  CHECK(second != first);  // an old pointer stays invalid
  CHECK(cudaFree(second) == cudaSuccess);
  set_device_memory(std::size_t{16} << 30);
}

TEST_CASE("pinned memory, streams and events") {
  void* pinned = nullptr;
  CHECK(cudaMallocHost(&pinned, 1000) == cudaSuccess);
  std::memset(pinned, 1, 1000);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  check_error(cudaFreeHost(pinned), cudaErrorInvalidValue, "not the start of pinned memory");
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, end = nullptr;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  CHECK(cudaEventCreate(&start) == cudaSuccess);
  CHECK(cudaEventCreateWithFlags(&end, cudaEventDisableTiming) == cudaSuccess);
  float milliseconds = -1;
  check_error(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle,
              "an event was never recorded");
  CHECK(cudaEventRecord(start, stream) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(stream, start) == cudaSuccess);
  CHECK(cudaEventRecord(end, stream) == cudaSuccess);
  CHECK(cudaEventSynchronize(end) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, start, end) == cudaSuccess);
  CHECK(milliseconds >= 0);
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(cudaEventDestroy(start) == cudaSuccess);
  CHECK(cudaEventDestroy(end) == cudaSuccess);
  check_error(cudaEventRecord(end, stream), cudaErrorInvalidResourceHandle,
              "the event was never created or is destroyed");
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
  check_error(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle,
              "the stream was never created or is destroyed");
  CHECK_THROWS_WITH_AS(launch_shape(1, 1, 1, 0, nullptr, stream),
                       doctest::Contains("the stream was never created or is destroyed"), Error);
}

namespace {

// Two streams and pinned memory while streams are deferred.
struct Deferred {
  Deferred() {
    set_streams_deferred(true);
    REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    REQUIRE(cudaMallocHost(&pinned, 4 * sizeof(float)) == cudaSuccess);
    REQUIRE(cudaMalloc(&device, 4 * sizeof(float)) == cudaSuccess);
  }
  ~Deferred() {
    cudaFree(device);
    cudaFreeHost(pinned);
    cudaEventDestroy(event);
    cudaStreamDestroy(first);
    cudaStreamDestroy(second);
    set_streams_deferred(false);
  }
  void upload(cudaStream_t stream) {
    CHECK(cudaMemcpyAsync(device, pinned, 4, cudaMemcpyHostToDevice, stream) == cudaSuccess);
  }
  float on_device() {
    float value = 0;
    CHECK(cudaMemcpy(&value, device, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    return value;
  }
  cudaStream_t first = nullptr, second = nullptr;
  cudaEvent_t event = nullptr;
  float *pinned = nullptr, *device = nullptr;
};

}  // namespace

TEST_CASE("deferred: a pinned buffer that is reused before its copy is done sends the wrong numbers") {
  for (const bool waits : {true, false}) {
    Deferred run;
    run.pinned[0] = 1;
    run.upload(run.first);
    CHECK(cudaEventRecord(run.event, run.first) == cudaSuccess);
    if (waits) CHECK(cudaEventSynchronize(run.event) == cudaSuccess);
    run.pinned[0] = 2;
    CHECK(cudaStreamSynchronize(run.first) == cudaSuccess);
    CHECK(run.on_device() == (waits ? 1.0f : 2.0f));
  }
}

TEST_CASE("deferred: results are not there before they are waited for; ordinary memory is copied at once") {
  Deferred run;
  float ordinary = 5;
  CHECK(cudaMemcpyAsync(run.device, &ordinary, 4, cudaMemcpyHostToDevice, run.first) == cudaSuccess);
  ordinary = 6;  // allowed: the call has copied it
  run.pinned[0] = 0;
  CHECK(cudaMemcpyAsync(run.pinned, run.device, 4, cudaMemcpyDeviceToHost, run.first) == cudaSuccess);
  CHECK(cudaEventRecord(run.event, run.first) == cudaSuccess);
  CHECK(run.pinned[0] == 0);
  int questions = 0;
  while (cudaEventQuery(run.event) == cudaErrorNotReady) ++questions;
  CHECK(questions == 3);
  CHECK(run.pinned[0] == 5);
  CHECK(cudaGetLastError() == cudaErrorNotReady);
}

TEST_CASE("deferred: a stream sees another's work only behind an event") {
  for (const bool waits : {true, false}) {
    Deferred run;
    run.pinned[0] = 3;
    CHECK(cudaMemset(run.device, 0, 16) == cudaSuccess);
    run.upload(run.first);
    CHECK(cudaEventRecord(run.event, run.first) == cudaSuccess);
    if (waits) CHECK(cudaStreamWaitEvent(run.second, run.event) == cudaSuccess);
    CHECK(cudaMemcpyAsync(run.pinned + 1, run.device, 4, cudaMemcpyDeviceToHost, run.second) == cudaSuccess);
    CHECK(cudaStreamSynchronize(run.second) == cudaSuccess);
    CHECK(run.pinned[1] == (waits ? 3.0f : 0.0f));
  }
}

TEST_CASE("deferred: kernels run in their stream, and their faults are errors of the call that waits") {
  Deferred run;
  const auto launch_on = [&](void (*call)(void*)) {
    float* const argument = run.device;
    launch({"deferred", nullptr, 1, 1, 1, 1, 0, run.first, call, const_cast<float**>(&argument), sizeof argument});
  };
  CHECK(cudaMemsetAsync(run.device, 0, 16, run.first) == cudaSuccess);
  launch_on([](void* arguments) { **static_cast<float**>(arguments) = 8; });
  CHECK(cudaStreamSynchronize(run.first) == cudaSuccess);
  CHECK(run.on_device() == 8);
  launch_on([](void*) { throw Error("as planted"); });
  run.upload(run.first);
  check_error(cudaStreamSynchronize(run.first), cudaErrorLaunchFailure,
              "CUDA kernel deferred, block (0, 0, 0): the kernel threw");
  CHECK(cudaStreamSynchronize(run.first) == cudaSuccess);  // the copy after it was dropped
}

TEST_CASE("there is one device, of compute capability 9.0") {
  int count = 0, major = 0, driver = 0;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 1);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  check_error(cudaSetDevice(1), cudaErrorInvalidDevice, "there are 1 emulated devices, and no number 1");
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK(properties.major == 9);
  CHECK(properties.sharedMemPerBlockOptin == 227 * 1024);
  CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess);
  CHECK(major == 9);
  CHECK(cudaDriverGetVersion(&driver) == cudaSuccess);
  CHECK(driver >= 12080);
  CHECK(std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
}

TEST_CASE("launches beyond the limits of the hardware are refused") {
  launch_shape(1, 1, 1024, 48 * 1024);
  CHECK_THROWS_WITH_AS(launch_shape(1, 1, 1025, 0),
                       "CUDA kernel shape cannot be launched with 1 x 1 x 1 blocks of 1025 threads and 0 bytes of "
                       "shared memory: a block has "
                       "1 to 1024 threads.",
                       Error);
  CHECK_THROWS_WITH_AS(launch_shape(1, 1, 0, 0), doctest::Contains("a block has 1 to 1024 threads"), Error);
  CHECK_THROWS_WITH_AS(launch_shape(1, 65536, 1, 0), doctest::Contains("y and z must be from 1 to 65535"), Error);
  CHECK_THROWS_WITH_AS(launch_shape(std::int64_t{1} << 31, 1, 1, 0),
                       doctest::Contains("x must be from 1 to 2147483647"), Error);
  CHECK_THROWS_WITH_AS(launch_shape(1, 1, 1, 48 * 1024 + 1),
                       doctest::Contains("must be asked for with cudaFuncSetAttribute first"), Error);
  const int kernel = 0;
  const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  CHECK(cudaFuncSetAttribute(static_cast<const void*>(&kernel), attribute, 227 * 1024) == cudaSuccess);
  launch_shape(1, 1, 1, 227 * 1024, &kernel);
  CHECK_THROWS_WITH_AS(launch_shape(1, 1, 1, 227 * 1024 + 1, &kernel),
                       doctest::Contains("at most 232448 bytes of shared memory"), Error);
  check_error(cudaFuncSetAttribute(static_cast<const void*>(&kernel), attribute, 227 * 1024 + 1), cudaErrorInvalidValue,
              "a block has at most 232448");
}

}  // namespace cheems::cuda_on_cpu
