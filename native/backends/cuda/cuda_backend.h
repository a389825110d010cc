// The CUDA backend: device memory, one stream, pinned staging buffers, and the kernels of ops/*/cuda.cu behind
// Operations. No CUDA header is needed here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace cheems {

// "cuda:N". Throws Error with a sentence if there is no such device, no driver or one that is too old; if the device is
// below compute capability 8.0 (bfloat16 mma and cp.async), has no compiled kernels, or has no memory for a context; or
// if cuBLASLt is not found.
std::unique_ptr<Backend> create_cuda_backend(int device);

namespace cuda {

struct DeviceDescription {
  std::string text;      // "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB"
  std::string unusable;  // why it cannot be used, if that is known without opening it: part of a sentence; else empty
};

// The driver's devices, by number. If there are none, empty, with the reason in `missing`.
std::vector<DeviceDescription> describe_devices(std::string& missing);

}  // namespace cuda
}  // namespace cheems
