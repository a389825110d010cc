// The CPU's kernels and their workspace, each defined in its operation's folder (ops/NAME/cpu.cpp) to that operation's
// contract.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/thread_pool.h"
#include "ops/list.h"
#include "ops/workspace.h"

namespace cheems::cpu {

// What a kernel may use besides its arguments.
struct Context {
  ThreadPool& pool;
  char* workspace = nullptr;  // 64-byte aligned, at least what the kernels below request
  int64_t workspace_bytes = 0;
  DType precision = DType::float32;  // of the matrix products, but those that are asked for exactly
};

// Sums over rows (norm weights, biases) are computed in chunks of this many rows, with one partial sum per chunk, added
// in order.
constexpr int64_t kRowsPerPartialSum = 64;
inline int64_t partial_sums_workspace(int64_t rows, int64_t columns) {
  return (rows + kRowsPerPartialSum - 1) / kRowsPerPartialSum * columns * static_cast<int64_t>(sizeof(float));
}
// d[c] += partial[0][c] + partial[1][c] + …, for the chunks' partial sums [chunks, columns].
void add_partial_sums(const float* partials, int64_t chunks, int64_t columns, float* d, ThreadPool& pool);

#define CHEEMS_DECLARE_none(name)
#define CHEEMS_DECLARE_scratch(name) int64_t name##_workspace(const WorkspaceRequest&, int threads);  // bytes
#define CHEEMS_DECLARE(name, Contract, cpu, cuda, work) \
  void name(const Contract&, Context&);                 \
  CHEEMS_DECLARE_##cpu(name)
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
#undef CHEEMS_DECLARE_scratch
#undef CHEEMS_DECLARE_none

}  // namespace cheems::cpu
