// What the launch asks of the runtime's state.
#pragma once

#include <cstdint>

namespace cheems::cuda_on_cpu {

constexpr int kMultiprocessors = 8;  // few, so that grids sized by it stay small and still exceed one wave

// The dynamic shared memory that a block of this kernel may have, by cudaFuncSetAttribute or without it.
std::int64_t allowed_shared_bytes(const void* kernel);

bool stream_exists(const void* stream);

}  // namespace cheems::cuda_on_cpu
