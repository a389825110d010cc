// CUDA's error codes as cheems::Error.
#pragma once

#include <cuda_runtime.h>

#include <string>

namespace cheems::cuda {

// Throws Error with the call, the error's name and its text where `error` is not cudaSuccess. `call` reads as in
// "cudaMemcpyAsync (12 MiB to the device)". Where the device's context is lost with it, the sentence says so.
void check(cudaError_t error, const std::string& call);

// Whether every later call of this process on this device will fail with the same error.
bool is_sticky(cudaError_t error);

}  // namespace cheems::cuda
