// Sets the emulated devices for one test, and restores the tests' usual ones at its end.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/errors.h"
#include "testing/cuda_on_cpu/emulated_device.h"

namespace cheems::cuda_on_cpu {

inline constexpr std::size_t kGib = std::size_t{1} << 30;  // bytes

class Devices {
 public:
  explicit Devices(std::vector<EmulatedDevice> devices, const std::string& images = "PTX 8.0") {
    set_devices(std::move(devices));
    set_kernel_images(images);
  }
  Devices(const Devices&) = delete;
  ~Devices() {
    set_errors_sticky(false);
    cuda::forget_first_errors();
    set_streams_deferred(false);
    set_cublas_lt_answers(0, 0);
    set_management_library(true);
    set_kernel_images("PTX 8.0");
    set_devices(std::vector<EmulatedDevice>(1));
    (void)cudaGetLastError();
  }
};

}  // namespace cheems::cuda_on_cpu
