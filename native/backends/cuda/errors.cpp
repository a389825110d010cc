#include "backends/cuda/errors.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/knobs.h"

namespace cheems::cuda {
namespace {

std::mutex guard;
// By device: the first error after which it failed for good.
std::map<int, std::string>& first_errors() {
  static auto& only = *new std::map<int, std::string>;  // outlives every thread
  return only;
}

int this_device() {
  int device = 0;
  (void)cudaGetDevice(&device);
  return device;
}

bool launches_are_waited_for() {
  const char* const text = std::getenv("CUDA_LAUNCH_BLOCKING");
  return text && std::strcmp(text, "1") == 0;
}

std::string words(cudaError_t error) {
  return sentence(cudaGetErrorName(error), " (", static_cast<int>(error), "): ", cudaGetErrorString(error), ".");
}

// The device's context is gone.
[[noreturn]] void fail_for_good(const std::string& what) {
  const int device = this_device();
  const std::lock_guard lock(guard);
  const auto [known, is_first] = first_errors().try_emplace(device, what);
  if (is_first) fail(what, " The GPU can be used again only after this process has been restarted.");
  fail("cuda:", device,
       " failed earlier and cannot be used again by this process; restart it. The first error was: ", known->second);
}

constexpr const char* kFindTheKernel =
    " The failure of a kernel is reported by a later call; to find the kernel, run again with "
    "CUDA_LAUNCH_BLOCKING=1 in the environment.";

}  // namespace

bool is_sticky(cudaError_t error) {
  // By number, since these are also the driver's: an uncorrectable ECC error, an exception in a kernel (illegal
  // address, timeout, assertion, …), a lost device, and the unknown error.
  const int code = static_cast<int>(error);
  return code == 214 || code == 226 || code == 700 || code == 702 || code == 710 || (code >= 714 && code <= 719) ||
         code == 721 || code == 999;
}

void check(cudaError_t error, const std::string& call) {
  if (error == cudaSuccess) return;
  const std::string what = sentence("CUDA: ", call, " failed with ", words(error));
  (void)cudaGetLastError();  // or the next check of a launch would report this error again
  if (!is_sticky(error)) throw Error(what);
  fail_for_good(launches_are_waited_for() ? what : what + kFindTheKernel);
}

void fail_launch(cudaError_t error, const char* kernel, int64_t grid_x, int64_t grid_y, int64_t grid_z, int threads,
                 int64_t shared_bytes) {
  const std::string launch = sentence(grid_x, " x ", grid_y, " x ", grid_z, " blocks of ", threads, " threads and ",
                                      shared_bytes, " bytes of shared memory: ", words(error));
  (void)cudaGetLastError();
  if (!is_sticky(error)) fail("CUDA kernel ", kernel, " cannot be launched with ", launch);
  if (launches_are_waited_for()) fail_for_good(sentence("CUDA kernel ", kernel, " failed, launched with ", launch));
  fail_for_good(
      sentence("CUDA: the launch of ", kernel, " found the device failed with ", words(error), kFindTheKernel));
}

std::string mebibytes_for(int64_t bytes, const std::string& purpose) {
  return sentence((bytes + (1 << 20) - 1) >> 20, " MiB for ", purpose);
}

void fail_out_of_memory(const std::string& wanted) {
  (void)cudaGetLastError();
  const int device = this_device();
  cudaDeviceProp properties{};
  size_t free = 0, total = 0;
  (void)cudaGetDeviceProperties(&properties, device);
  const bool known = cudaMemGetInfo(&free, &total) == cudaSuccess;
  (void)cudaGetLastError();
  fail("Out of GPU memory: ", wanted, " could not be allocated on cuda:", device, " (", properties.name, "); ",
       known ? sentence(free >> 20, " of ", total >> 20, " MiB are free") : "the free memory is not known", ". Lower ",
       knob("microBatchTokens"), ", use ", knob("gradientCheckpointing"), ", raise ", knob("deviceMemoryReserve"),
       ", or end what else runs on this GPU (nvidia-smi lists it).");
}

void forget_first_errors() {
  const std::lock_guard lock(guard);
  first_errors().clear();
}

}  // namespace cheems::cuda
