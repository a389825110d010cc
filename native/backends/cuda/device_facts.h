// What a run's record says about a CUDA device.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "backends/backend.h"

namespace cheems::cuda {

// `cublas`: the version of the cuBLASLt that is open.
DeviceFacts device_facts(const cudaDeviceProp& properties, const std::string& cublas);

}  // namespace cheems::cuda
