// The part of NVTX that the CUDA backend uses, declared as in NVIDIA's header, for running the backend on the CPU.
// testing/cuda_on_cpu/profiler.cpp records the ranges if a test requests it.
#pragma once

#define NVTX_NO_PUSH_POP_TRACKING (-2)

// Returns the level of the range, 0 for the outermost; -1 if nothing is being recorded.
int nvtxRangePushA(const char* message);
int nvtxRangePop();
