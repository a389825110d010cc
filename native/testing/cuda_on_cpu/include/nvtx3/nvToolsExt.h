// What the CUDA backend calls of NVTX, declared as NVIDIA's header does, for the execution of the backend on the CPU.
// testing/cuda_on_cpu/profiler.cpp records it where a test asks for that.
#pragma once

#define NVTX_NO_PUSH_POP_TRACKING (-2)

// The level that the range has, 0 the outermost; -1 where nothing is recorded now, though it may be later.
int nvtxRangePushA(const char* message);
int nvtxRangePop();
