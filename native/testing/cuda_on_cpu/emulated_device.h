// What a test can ask of the emulated device beyond the CUDA runtime. See also schedule.h and traffic.h.
#pragma once

#include <cstddef>

namespace cheems::cuda_on_cpu {

// The bytes of memory the device has (16 GiB at first); cudaMalloc fails beyond them. What is allocated already stays.
void set_device_memory(std::size_t bytes);

// Whether copies, fills, launches and records wait in their streams until the host waits for them (or for an event behind
// them), the latest moment a GPU may choose; at first as the environment variable CHEEMS_EMULATED_STREAMS says, "eager" or
// "deferred", or not. Deferred, a host that reuses a pinned buffer too early, or reads a result it has not waited for, gets
// wrong numbers, and a stream that should wait for another does not. Finishes all work first.
void set_streams_deferred(bool deferred);

}  // namespace cheems::cuda_on_cpu
