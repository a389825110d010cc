// Shared by the files of the emulated runtime: errors, and facts that a launch needs.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "core/error.h"

namespace cheems::cuda_on_cpu {

constexpr int kMultiprocessors = 8;  // few, so that grids sized by it stay small and still have more than one wave

// The number of threads that a multiprocessor of that compute capability can hold.
constexpr int threads_per_multiprocessor(int capability) {
  return capability == 86 || capability == 89 || capability / 10 == 12 ? 1536 : 2048;
}

// Makes `code` this thread's last error, with a detail that cudaGetErrorString adds to NVIDIA's message. Returns
// `code`.
cudaError_t set_last_error(cudaError_t code, std::string detail);

template <class... Parts>
cudaError_t error(cudaError_t code, const Parts&... parts) {
  return set_last_error(code, sentence(parts...));
}

cudaError_t check_stream(const char* call, cudaStream_t stream);

// The dynamic shared memory that a block of this kernel may have, by cudaFuncSetAttribute or without it.
std::int64_t allowed_shared_bytes(const void* kernel);

}  // namespace cheems::cuda_on_cpu
