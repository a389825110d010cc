// How much workspace the CUDA operations need: pure arithmetic, so that a run on a GPU can be planned on a machine
// without one.
#pragma once

#include <cstdint>

#include "ops/list.h"
#include "ops/workspace.h"

namespace cheems::cuda {

// The most for cuBLASLt: NVIDIA's recommendation for its largest GPUs.
constexpr int64_t kCublasLtWorkspaceBytes = int64_t{32} << 20;

// Left free by plans: cuBLASLt loads its kernels at their first use, hundreds of MiB of them on a Hopper GPU, and other
// programs (a desktop, a monitor) need some too.
constexpr int64_t kMemoryReserveBytes = int64_t{1} << 30;

// With this many rows even the narrowest product of a 0.5B model has a dozen tiles for each multiprocessor of an H100,
// and the gradients, which every micro-batch reads and writes, take a few per cent of its time.
constexpr int64_t kUsefulMicroBatch = 32768;

// What each operation with scratch memory needs (ops/NAME/cuda_workspace.cpp), in bytes; `most_for_cublas_lt` as below.
#define CHEEMS_DECLARE_none(name)
#define CHEEMS_DECLARE_scratch(name) int64_t name##_workspace(const WorkspaceRequest&, int64_t most_for_cublas_lt);
#define CHEEMS_DECLARE(name, Contract, cpu, cuda, work) CHEEMS_DECLARE_##cuda(name)
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
#undef CHEEMS_DECLARE_scratch
#undef CHEEMS_DECLARE_none

// The most that any operation needs: they run one after another and share the workspace.
int64_t workspace_bytes(const WorkspaceRequest& request, int64_t most_for_cublas_lt = kCublasLtWorkspaceBytes);

}  // namespace cheems::cuda
