// What a test can ask of the emulated device beyond the CUDA runtime. See also schedule.h and traffic.h.
#pragma once

#include <cstddef>

namespace cheems::cuda_on_cpu {

// The bytes of memory the device has (16 GiB at first); cudaMalloc fails beyond them. What is allocated already stays.
void set_device_memory(std::size_t bytes);

}  // namespace cheems::cuda_on_cpu
