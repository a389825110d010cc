// Named ranges for NVIDIA's profilers (NVTX), by the header that comes with CUDA toolkits: nothing is linked, and
// nothing is loaded but where a profiler is (it names its library in the environment). Built without that header there
// are no ranges.
#pragma once

#include <cstdint>

namespace cheems::cuda {

// Of the calling thread; nested. `number` follows the name unless it is negative: "layer 3".
void push_range(const char* name, int64_t number);
void pop_range();

}  // namespace cheems::cuda
