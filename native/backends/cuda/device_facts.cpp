#include "backends/cuda/device_facts.h"

#include "backends/cuda/driver.h"
#include "core/error.h"

namespace cheems::cuda {

DeviceFacts device_facts(const cudaDeviceProp& properties, const std::string& cublas) {
  int runtime = 0;
  (void)cudaRuntimeGetVersion(&runtime);
  const std::string name = properties.name;
  DeviceFacts facts;
  facts.entries = {{"name", name},
                   {"compute capability", sentence(properties.major, ".", properties.minor)},
                   {"memory, GiB", sentence(static_cast<int64_t>(properties.totalGlobalMem) >> 30)},
                   {"driver", driver_version()},
                   {"CUDA runtime", cuda_version_text(runtime)},
                   {"cuBLAS", cublas}};
  // Kernels are compiled for a capability; the algorithm of a product depends on the card and on the library.
  facts.arithmetic = sentence(name, ", cuBLAS ", cublas);
  return facts;
}

}  // namespace cheems::cuda
