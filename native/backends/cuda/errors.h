// CUDA's error codes as cheems::Error.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

namespace cheems::cuda {

// Throws Error with the call, the error's name and its text if `error` is not cudaSuccess. `call` reads like
// "cudaMemcpyAsync (12 MiB to the device)". If the device's context is lost, the sentence says so, and how to find the
// kernel; from then on every such Error of that device reports the first one, since later ones only follow from it.
void check(cudaError_t error, const std::string& call);

// The Error of a kernel that could not be launched, or that failed with synchronous launches (CUDA_LAUNCH_BLOCKING=1).
[[noreturn]] void fail_launch(cudaError_t error, const char* kernel, int64_t grid_x, int64_t grid_y, int64_t grid_z,
                              int threads, int64_t shared_bytes);

// Throws "Out of GPU memory: 12 MiB for `purpose` could not be allocated on cuda:0 …", for the thread's device.
[[noreturn]] void fail_out_of_memory(const std::string& wanted);
std::string mebibytes_for(int64_t bytes, const std::string& purpose);  // "12 MiB for the weights"

// Whether every later call of this process on this device will fail with the same error.
bool is_sticky(cudaError_t error);

// For tests, whose devices are reset.
void forget_first_errors();

}  // namespace cheems::cuda
