// The operations of the CUDA backend: each queues its kernels on the backend's stream.
#pragma once

#include <memory>

#include "backends/cuda/batch_memory.h"
#include "backends/cuda/context.h"
#include "backends/cuda/cublas_lt.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/slow_products.h"
#include "backends/cuda/workspace.h"
#include "ops/operations.h"

namespace cheems::cuda {

#ifdef CHEEMS_CUDA_ON_CPU
// On the emulated device no product uses its workspace, and tests guard every byte of it.
constexpr int64_t kOwnCublasLtBytes = 64 << 10;
#else
constexpr int64_t kOwnCublasLtBytes = kCublasLtWorkspaceBytes;
#endif

class CudaOperations : public Operations {
 public:
  // `context` has the stream and the device's properties; `device` is its number.
  CudaOperations(int device, const Context& context);

  int64_t workspace_bytes(const WorkspaceRequest& request) const override {
    return cuda::workspace_bytes(request, kOwnCublasLtBytes);
  }
  void set_workspace(void* workspace, int64_t bytes) override {
    context_.workspace = static_cast<char*>(workspace);
    context_.workspace_bytes = bytes;
  }
  void begin_batch(const PackedTree& tree) override;

#define CHEEMS_DISPATCH(name, Contract, ...) \
  void name(const Contract& a) override { cuda::name(a, context_); }
  CHEEMS_OPERATIONS(CHEEMS_DISPATCH)
#undef CHEEMS_DISPATCH

  Context& context() { return context_; }
  std::vector<BackendNote> notes() const { return slow_products_.notes(); }
  std::string cublas_version() const { return cublas_lt_.version(); }

 private:
  int device_;
  Context context_;
  BatchMemory batch_;
  CublasLt cublas_lt_;
  SlowProducts slow_products_;
};

}  // namespace cheems::cuda
