// What a test can ask of the emulated device beyond the CUDA runtime. See also schedule.h and traffic.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cheems::cuda_on_cpu {

// The bytes of memory the device has (16 GiB at first); cudaMalloc fails beyond them. What is allocated already stays.
void set_device_memory(std::size_t bytes);

// Whether copies, fills, launches and records wait in their streams until the host waits for them (or for an event behind
// them), the latest moment a GPU may choose; at first as the environment variable CHEEMS_EMULATED_STREAMS says, "eager" or
// "deferred", or not. Deferred, a host that reuses a pinned buffer too early, or reads a result it has not waited for, gets
// wrong numbers, and a stream that should wait for another does not. Finishes all work first.
void set_streams_deferred(bool deferred);

// How often the host waited for a stream or an event while streams were deferred and there was something to wait for, and how
// many of those waits left the stream without work: a GPU then idles until the host has launched something again.
struct HostWaits {
  std::int64_t waits = 0, drains = 0;
};
HostWaits host_waits();

// Whether cublasLtMatmulAlgoCheck takes no algorithm for another shape than its own, as NVIDIA's may not.
void refuse_algorithm_checks(bool refused);

}  // namespace cheems::cuda_on_cpu
