// The device of the cuda_test.cpp files: a GPU, or the CPU that executes CUDA's kernels.
#include "backends/cuda/cuda_backend.h"
#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "testing/cuda_on_cpu/schedule.h"
#endif

namespace cheems::testing {

Backend& device_backend() {
  static const std::unique_ptr<Backend> backend = create_cuda_backend(0);
  return *backend;
}

void reseed_device_schedule([[maybe_unused]] uint64_t seed) {
#ifdef CHEEMS_CUDA_ON_CPU
  cuda_on_cpu::set_schedule({cuda_on_cpu::Order::warp_sprint, seed});
#endif
}

}  // namespace cheems::testing
