// The CUDA backend: device memory, one stream, pinned staging buffers, and the kernels of ops/*/cuda.cu behind
// Operations. No CUDA header is needed here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace cheems {

// "cuda:N". Throws Error with a sentence where there is no such device, no driver, one too old, or a device below
// compute capability 8.0 (bfloat16 mma and cp.async), one that the kernels are not compiled for or that has no room for
// a context, or where cuBLASLt is not found.
std::unique_ptr<Backend> create_cuda_backend(int device);

namespace cuda {

struct DeviceDescription {
  std::string text;  // "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB"
  std::string
      unusable;  // why it cannot be used, as far as that is known without touching it: a sentence's part; else empty
};

// The driver's devices, by number. Empty, and the reason in `missing`, where there is none.
std::vector<DeviceDescription> describe_devices(std::string& missing);

}  // namespace cuda
}  // namespace cheems
