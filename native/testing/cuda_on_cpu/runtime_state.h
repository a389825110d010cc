// What the files of the emulated runtime share: errors, and what a launch asks for.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "core/error.h"

namespace cheems::cuda_on_cpu {

constexpr int kMultiprocessors = 8;  // few, so that grids sized by it stay small and still exceed one wave

// Threads that a multiprocessor of that compute capability holds.
constexpr int threads_per_multiprocessor(int capability) {
  return capability == 86 || capability == 89 || capability / 10 == 12 ? 1536 : 2048;
}

// Makes `code` this thread's last error, with words that cudaGetErrorString adds to NVIDIA's. Returns it.
cudaError_t set_last_error(cudaError_t code, std::string detail);

template <class... Parts>
cudaError_t error(cudaError_t code, const Parts&... parts) {
  return set_last_error(code, sentence(parts...));
}

cudaError_t check_stream(const char* call, cudaStream_t stream);

// The dynamic shared memory that a block of this kernel may have, by cudaFuncSetAttribute or without it.
std::int64_t allowed_shared_bytes(const void* kernel);

}  // namespace cheems::cuda_on_cpu
