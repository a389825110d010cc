// The driver's management library (NVML) for the emulated devices: free memory by PCI bus, as the backend asks for it.
#include <cstdlib>

#include "testing/cuda_on_cpu/device_table.h"

extern "C" {
struct nvmlDevice_st;
struct nvmlMemory_st {
  unsigned long long total, free, used;
};

static bool is_there = true;

int nvmlInit_v2() { return is_there ? 0 : 12; }  // NVML_ERROR_LIBRARY_NOT_FOUND

// A handle is the device's number plus one.
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, nvmlDevice_st** device) {
  const long number = std::strtol(bus + 5, nullptr, 16);
  if (number < 1 || number > cheems::cuda_on_cpu::device_count()) return 6;  // NVML_ERROR_NOT_FOUND
  *device = reinterpret_cast<nvmlDevice_st*>(number);
  return 0;
}

int nvmlDeviceGetMemoryInfo(nvmlDevice_st* device, nvmlMemory_st* memory) {
  const int number = static_cast<int>(reinterpret_cast<long>(device)) - 1;
  memory->total = cheems::cuda_on_cpu::description_of(number).memory_bytes;
  memory->free = cheems::cuda_on_cpu::free_bytes_of(number);
  memory->used = memory->total - memory->free;
  return 0;
}
}

void cheems::cuda_on_cpu::set_management_library(bool there) { is_there = there; }
