// The CUDA launchers, each defined in its operation's folder (ops/NAME/cuda.cu) to that operation's contract: they
// queue their kernels on the context's stream and return at once.
#pragma once

#include "backends/cuda/context.h"
#include "ops/list.h"

namespace cheems::cuda {

#define CHEEMS_DECLARE(name, Contract, ...) void name(const Contract&, Context&);
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE

// One of the kernels: if the device has code for it, it has code for all.
const void* any_kernel();

// Scratch memory that a launcher requests when it runs, checked here in one place: throws if the workspace is smaller.
char* require_workspace(Context&, int64_t bytes, const char* operation);

}  // namespace cheems::cuda
