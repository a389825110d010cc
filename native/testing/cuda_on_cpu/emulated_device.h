// What a test can ask of the emulated devices beyond the CUDA runtime. See also schedule.h and traffic.h.
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
  std::size_t context_bytes = 0;  // that its first use in this process takes
  bool busy = false;              // in exclusive mode, and another process has it
};

// The devices of this process: one, or what the environment variable CHEEMS_EMULATED_DEVICES says (see README.md).
// Contexts go when they are changed; a device with memory that is in use keeps it, and must stay. With none, CUDA says
// that there is no device.
void set_devices(std::vector<EmulatedDevice> devices);
std::vector<EmulatedDevice> devices_from(const std::string& text);

// What the kernels are compiled for, as in "sm_90 PTX 8.0". At first as CHEEMS_EMULATED_IMAGES says, or PTX 8.0, which
// every device from 8.0 on runs.
void set_kernel_images(const std::string& images);
std::string kernel_images();

// Whether the driver tells free memory without a context on the device (NVML); it does at first.
void set_management_library(bool is_there);

// The bytes of memory that the thread's device has; cudaMalloc fails beyond them. What is allocated already stays.
void set_device_memory(std::size_t bytes);

// Whether copies, fills, launches and records wait in their streams until the host waits for them (or for an event
// behind them), the latest moment a GPU may choose; at first as the environment variable CHEEMS_EMULATED_STREAMS says,
// "eager" or "deferred", or not. Deferred, a host that reuses a pinned buffer too early, or reads a result it has not
// waited for, gets wrong numbers, and a stream that should wait for another does not. Finishes all work first.
void set_streams_deferred(bool deferred);

// How often the host waited for a stream or an event while streams were deferred and there was something to wait for,
// and how many of those waits left the stream without work: a GPU then idles until the host has launched something
// again.
struct HostWaits {
  std::int64_t waits = 0, drains = 0;
};
HostWaits host_waits();

// Whether cublasLtMatmulAlgoCheck takes no algorithm for another shape than its own, as NVIDIA's may not.
void refuse_algorithm_checks(bool refused);

// Whether a kernel's fault kills its device, as on a GPU: the launch says nothing (but with CUDA_LAUNCH_BLOCKING=1),
// and every later call on that device is cudaErrorLaunchFailure. Otherwise, as at first, a launch throws what is wrong,
// and the device goes on; CHEEMS_EMULATED_ERRORS=sticky in the environment changes that too. Both revive the devices.
void set_errors_sticky(bool sticky);

// What the stand-in for cuBLASLt answers from now on, of its statuses' numbers: to the next questions for an algorithm,
// and to the next products. 0: as it is.
void set_cublas_lt_answers(int heuristic_status, int product_status, int create_status = 0);

}  // namespace cheems::cuda_on_cpu
