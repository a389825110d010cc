// Controls of the emulated devices for tests, beyond the CUDA runtime. See also schedule.h and traffic.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cheems::cuda_on_cpu {

struct EmulatedDevice {
  std::string name = "CUDA emulated on the CPU";
  int capability = 90;  // 90 is compute capability 9.0
  std::size_t memory_bytes = std::size_t{16} << 30;
  std::size_t used_bytes = 0;     // by other processes
  std::size_t context_bytes = 0;  // allocated at the first use in this process
  bool busy = false;              // in exclusive mode, and used by another process
};

// Sets the devices of this process. Initially there is one, or those of the environment variable
// CHEEMS_EMULATED_DEVICES (see README.md). Changing them destroys their contexts. A device with allocated memory keeps
// it, and must remain in the list. With an empty list, CUDA reports that there is no device.
void set_devices(std::vector<EmulatedDevice> devices);
std::vector<EmulatedDevice> devices_from(const std::string& text);

// Sets what the kernels are compiled for, such as "sm_90 PTX 8.0". Initially the value of CHEEMS_EMULATED_IMAGES, or
// PTX 8.0, which every device from compute capability 8.0 on can run.
void set_kernel_images(const std::string& images);
std::string kernel_images();

// Whether the driver reports free memory without a context on the device (NVML); initially it does.
void set_management_library(bool is_there);

// Sets the memory of the thread's current device in bytes; cudaMalloc fails beyond it. Existing allocations are kept.
void set_device_memory(std::size_t bytes);

// Whether copies, fills, launches and records wait in their streams until the host waits for them (or for an event
// after them), the latest moment that a GPU may choose. Initially as in the environment variable
// CHEEMS_EMULATED_STREAMS ("eager" or "deferred"), else eager. With deferred streams, a host that reuses a pinned
// buffer too early, or reads a result that it has not waited for, gets wrong numbers; so does a stream that does not
// wait for another one when it should. This call finishes all work first.
void set_streams_deferred(bool deferred);

// The number of times that the host waited for a stream or an event while streams were deferred and work was pending,
// and how many of those waits left the stream without work: a GPU is then idle until the host launches something again.
struct HostWaits {
  std::int64_t waits = 0, drains = 0;
};
HostWaits host_waits();

// Whether cublasLtMatmulAlgoCheck refuses an algorithm for any shape other than its own, as NVIDIA's may do.
void refuse_algorithm_checks(bool refused);

// Whether a kernel's fault stops its device, as on a GPU: the launch reports nothing (except with
// CUDA_LAUNCH_BLOCKING=1), and every later call on that device returns cudaErrorLaunchFailure. Otherwise, which is the
// initial state, a launch throws an Error with the fault, and the device continues. CHEEMS_EMULATED_ERRORS=sticky in
// the environment also selects the former. A call with either value resets stopped devices.
void set_errors_sticky(bool sticky);

// The status codes that the stand-in for cuBLASLt returns from now on: for requests of an algorithm, for products, and
// for cublasLtCreate. 0: the real result.
void set_cublas_lt_answers(int heuristic_status, int product_status, int create_status = 0);

}  // namespace cheems::cuda_on_cpu
