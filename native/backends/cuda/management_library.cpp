#include "backends/cuda/management_library.h"

#include <cuda_runtime.h>
#include <dlfcn.h>

extern "C" {
// From NVIDIA's nvml.h, which not every toolkit has: the version in each name fixes its ABI.
struct nvmlDevice_st;
struct nvmlMemory_st {
  unsigned long long total, free, used;
};
#ifdef CHEEMS_CUDA_ON_CPU
int nvmlInit_v2();
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, nvmlDevice_st** device);
int nvmlDeviceGetMemoryInfo(nvmlDevice_st* device, nvmlMemory_st* memory);
#endif
}

namespace cheems::cuda {
namespace {

struct Functions {
  int (*initialize)() = nullptr;
  int (*by_bus)(const char*, nvmlDevice_st**) = nullptr;
  int (*memory)(nvmlDevice_st*, nvmlMemory_st*) = nullptr;
};

#ifdef CHEEMS_CUDA_ON_CPU

Functions open_functions() { return {&nvmlInit_v2, &nvmlDeviceGetHandleByPciBusId_v2, &nvmlDeviceGetMemoryInfo}; }

#else

Functions open_functions() {
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return {};
  const Functions functions{
      reinterpret_cast<decltype(Functions::initialize)>(dlsym(library, "nvmlInit_v2")),
      reinterpret_cast<decltype(Functions::by_bus)>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2")),
      reinterpret_cast<decltype(Functions::memory)>(dlsym(library, "nvmlDeviceGetMemoryInfo"))};
  return functions.initialize && functions.by_bus && functions.memory ? functions : Functions{};
}

#endif

}  // namespace

std::optional<int64_t> free_memory_without_context(int device) {
  static const Functions functions = open_functions();  // the library stays open: its state is per process
  char bus[32] = {};
  nvmlDevice_st* handle = nullptr;
  nvmlMemory_st memory{};
  if (!functions.initialize || functions.initialize() != 0)
    return std::nullopt;  // nvmlInit counts its calls, and is cheap from the second on
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, device) != cudaSuccess) {
    (void)cudaGetLastError();
    return std::nullopt;
  }
  if (functions.by_bus(bus, &handle) != 0 || functions.memory(handle, &memory) != 0) return std::nullopt;
  return static_cast<int64_t>(memory.free);
}

}  // namespace cheems::cuda
