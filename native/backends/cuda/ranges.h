// Named ranges for NVIDIA's profilers (NVTX), through the header that comes with CUDA toolkits. Nothing is linked, and
// nothing is loaded unless a profiler is present (it names its library in the environment). Builds without that header
// have no ranges.
#pragma once

#include <cstdint>

namespace cheems::cuda {

// For the calling thread; nested. `number` follows the name unless it is negative: "layer 3".
void push_range(const char* name, int64_t number);
void pop_range();

}  // namespace cheems::cuda
