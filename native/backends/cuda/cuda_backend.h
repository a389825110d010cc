// The CUDA backend: device memory, one stream, pinned staging buffers, and the kernels of ops/*/cuda.cu behind Operations.
// No CUDA header is needed here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace cheems {

// "cuda:N". Throws Error with a sentence where there is no such device, no driver, one too old, or a device below compute
// capability 8.0 (bfloat16 mma and cp.async), or where cuBLASLt is not found.
std::unique_ptr<Backend> create_cuda_backend(int device);

namespace cuda {

// One sentence's part a device: "an NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB". Empty, and the reason in
// `missing`, where there is no device that this backend can use.
std::vector<std::string> describe_devices(std::string& missing);

}  // namespace cuda
}  // namespace cheems
