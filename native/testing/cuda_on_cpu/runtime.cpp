// The host's side of the CUDA runtime for the emulated device: the device, errors and memory; streams.cpp has the rest.
// Everything that can be checked without a GPU is checked: handles, directions, and the bounds of every copy and fill.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#include "testing/cuda_on_cpu/machine.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/runtime_state.h"
#include "testing/cuda_on_cpu/streams.h"

namespace cheems::cuda_on_cpu {

namespace {

thread_local cudaError_t last_error = cudaSuccess;
thread_local std::string last_detail;  // what happened, for cudaGetErrorString

std::mutex runtime_guard;
std::map<std::uintptr_t, std::size_t> pinned;
std::map<const void*, std::int64_t> shared_bytes_asked;

const char* describe(cudaError_t code) {
  switch (code) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevicePointer:
      return "invalid device pointer";
    case cudaErrorInvalidMemcpyDirection:
      return "invalid copy direction";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorDevicesUnavailable:
      return "CUDA-capable device(s) is/are busy or unavailable";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorUnknown:
      return "unknown error";
  }
  return "unrecognized error code";
}

// Whether the range may be the source or target of a copy that is on this device (below 0: on the host).
cudaError_t check_range(const char* call, const char* role, const void* pointer, std::size_t bytes, int device) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (device < 0) {
    if (!device_stretch.contains(address)) return cudaSuccess;
    return error(cudaErrorInvalidMemcpyDirection, call, ": the ", role,
                 " is device memory, the direction says host memory");
  }
  if (!device_stretch.contains(address)) {
    return error(cudaErrorInvalidMemcpyDirection, call, ": the ", role,
                 " is host memory, the direction says device memory");
  }
  if (in_live_allocation(address, bytes, device)) return cudaSuccess;
  const Allocation* const owner = allocation_at(address);
  if (owner == nullptr) return error(cudaErrorInvalidValue, call, ": the ", role, " was never allocated");
  if (owner->device != device) {
    return error(cudaErrorInvalidValue, call, ": the ", role, " is memory of device ", owner->device,
                 ", the stream belongs to device ", device);
  }
  if (!owner->live)
    return error(cudaErrorInvalidValue, call, ": the ", role, " lies in freed memory (allocation ", owner->number, ")");
  return error(cudaErrorInvalidValue, call, ": ", bytes, " bytes at offset ",
               static_cast<std::int64_t>(address) - static_cast<std::int64_t>(owner->start), " of the ", role,
               " do not fit into allocation ", owner->number, " of ", owner->bytes, " bytes");
}

bool is_pinned(const void* pointer, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::lock_guard<std::mutex> lock(runtime_guard);
  const auto after = pinned.upper_bound(address);
  if (after == pinned.begin()) return false;
  const auto [start, length] = *std::prev(after);
  return address - start + bytes <= length;
}

void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
               std::size_t height) {
  for (std::size_t row = 0; row < height; ++row) {
    std::memmove(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
  }
}

cudaError_t copy(const char* call, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                 std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  if (const cudaError_t bad = check_stream(call, stream)) return bad;
  if (width == 0 || height == 0) return cudaSuccess;
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind == cudaMemcpyDefault) {
    to_device = device_stretch.contains(reinterpret_cast<std::uintptr_t>(to));
    from_device = device_stretch.contains(reinterpret_cast<std::uintptr_t>(from));
  }
  if (height > 1 && (to_pitch < width || from_pitch < width)) {
    return error(cudaErrorInvalidValue, call, ": a pitch is smaller than the width of ", width, " bytes");
  }
  const int device = device_of(stream);
  const cudaError_t bad_to = check_range(call, "target", to, (height - 1) * to_pitch + width, to_device ? device : -1);
  if (bad_to != cudaSuccess) return bad_to;
  const cudaError_t bad_from =
      check_range(call, "source", from, (height - 1) * from_pitch + width, from_device ? device : -1);
  if (bad_from != cudaSuccess) return bad_from;
  if (stream != nullptr && !to_device &&
      !is_pinned(to, (height - 1) * to_pitch + width)) {  // waits for the copy, like CUDA
    if (const cudaError_t bad = finish_stream(stream)) return bad;
    copy_rows(to, to_pitch, from, from_pitch, width, height);
  } else if (stream != nullptr && streams_deferred() && !from_device &&
             !is_pinned(from, (height - 1) * from_pitch + width)) {  // copies the source first
    std::vector<char> taken(width * height);
    copy_rows(taken.data(), width, from, from_pitch, width, height);
    enqueue(stream, [=, taken = std::move(taken)] { copy_rows(to, to_pitch, taken.data(), width, width, height); });
  } else {
    enqueue(stream, [=] { copy_rows(to, to_pitch, from, from_pitch, width, height); });
  }
  return cudaSuccess;
}

}  // namespace

std::int64_t allowed_shared_bytes(const void* kernel) {
  const std::lock_guard<std::mutex> lock(runtime_guard);
  const auto found = shared_bytes_asked.find(kernel);
  return found == shared_bytes_asked.end() ? kSharedBytesUnasked : std::max(found->second, kSharedBytesUnasked);
}

cudaError_t set_last_error(cudaError_t code, std::string detail) {
  last_error = code;
  last_detail = std::move(detail);
  return code;
}

}  // namespace cheems::cuda_on_cpu

namespace emulation = cheems::cuda_on_cpu;

// --- the device

cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulation::device_count();
  return *count > 0 ? cudaSuccess : emulation::error(cudaErrorNoDevice, "cudaGetDeviceCount");
}
cudaError_t cudaGetDevice(int* device) {
  *device = emulation::current_device();
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return emulation::choose_device(device); }
// Needs no context, like on a GPU.
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= emulation::device_count())
    return emulation::error(cudaErrorInvalidDevice, "cudaGetDeviceProperties: device ", device);
  const emulation::EmulatedDevice described = emulation::description_of(device);
  *properties = {};
  std::strncpy(properties->name, described.name.c_str(), sizeof properties->name - 1);
  properties->totalGlobalMem = described.memory_bytes;
  properties->sharedMemPerBlock = emulation::kSharedBytesUnasked;
  properties->sharedMemPerBlockOptin = emulation::kMaxSharedBytes;
  properties->sharedMemPerMultiprocessor = emulation::kMaxSharedBytes + 1024;
  properties->regsPerBlock = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = emulation::kMaxThreads;
  std::copy_n(std::initializer_list<int>{1024, 1024, 64}.begin(), 3, properties->maxThreadsDim);
  std::copy_n(std::initializer_list<int>{0x7fffffff, 65535, 65535}.begin(), 3, properties->maxGridSize);
  properties->major = described.capability / 10;
  properties->minor = described.capability % 10;
  properties->multiProcessorCount = emulation::kMultiprocessors;
  properties->maxThreadsPerMultiProcessor = emulation::threads_per_multiprocessor(described.capability);
  properties->l2CacheSize = 50 << 20;
  properties->memoryBusWidth = 5120;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device < 0 || device >= emulation::device_count())
    return emulation::error(cudaErrorInvalidDevice, "cudaDeviceGetAttribute: device ", device);
  const int capability = emulation::description_of(device).capability;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = emulation::kMaxThreads;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = emulation::kMultiprocessors;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = capability / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = capability % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = emulation::kMaxSharedBytes;
      return cudaSuccess;
  }
  return emulation::error(cudaErrorInvalidValue, "cudaDeviceGetAttribute: attribute ", static_cast<int>(attribute),
                          " is not emulated");
}
// The PCI bus id of the device with this number, the same as in NVML.
cudaError_t cudaDeviceGetPCIBusId(char* text, int bytes, int device) {
  if (device < 0 || device >= emulation::device_count())
    return emulation::error(cudaErrorInvalidDevice, "cudaDeviceGetPCIBusId: device ", device);
  std::snprintf(text, static_cast<std::size_t>(bytes), "0000:%02x:00.0", device + 1);
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

// --- errors

cudaError_t cudaGetLastError() { return std::exchange(emulation::last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return emulation::last_error; }
const char* cudaGetErrorName(cudaError_t error) {
#define NAME(code) \
  case code:       \
    return #code
  switch (error) {
    NAME(cudaSuccess);
    NAME(cudaErrorInvalidValue);
    NAME(cudaErrorMemoryAllocation);
    NAME(cudaErrorInvalidConfiguration);
    NAME(cudaErrorInvalidDevicePointer);
    NAME(cudaErrorInvalidMemcpyDirection);
    NAME(cudaErrorInsufficientDriver);
    NAME(cudaErrorNoDevice);
    NAME(cudaErrorInvalidDevice);
    NAME(cudaErrorDevicesUnavailable);
    NAME(cudaErrorNoKernelImageForDevice);
    NAME(cudaErrorInvalidResourceHandle);
    NAME(cudaErrorNotReady);
    NAME(cudaErrorIllegalAddress);
    NAME(cudaErrorLaunchFailure);
    NAME(cudaErrorUnknown);
  }
#undef NAME
  return "unrecognized error code";
}
// NVIDIA's message, followed by what the emulation knows about this thread's last error, if that is the requested one.
const char* cudaGetErrorString(cudaError_t error) {
  static thread_local std::string text;
  static thread_local cudaError_t described = cudaSuccess;
  if (emulation::last_detail.empty())
    return error == described && !text.empty() ? text.c_str() : emulation::describe(error);
  text = cheems::sentence(emulation::describe(error), " (", std::exchange(emulation::last_detail, {}), ")");
  described = error;
  return text.c_str();
}

// --- memory

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t bad = emulation::use_current_device("cudaMalloc")) return bad;
  *address = emulation::allocate(emulation::current_device(), bytes);
  if (*address != nullptr) return cudaSuccess;
  return emulation::error(cudaErrorMemoryAllocation, bytes, " bytes asked for, ", emulation::free_bytes(), " of ",
                          emulation::capacity_bytes(), " free");
}
// Waits for the device first, like NVIDIA's.
cudaError_t cudaFree(void* address) {
  const emulation::Allocation* const owner = emulation::allocation_at(reinterpret_cast<std::uintptr_t>(address));
  const int device = owner == nullptr ? emulation::current_device() : owner->device;
  if (const cudaError_t bad = emulation::dead_device(device, "cudaFree")) {
    (void)emulation::release(address);  // the memory of a stopped device no longer counts
    return bad;
  }
  if (const cudaError_t bad = emulation::finish_all_streams()) return bad;
  if (address == nullptr || emulation::release(address)) return cudaSuccess;
  return emulation::error(cudaErrorInvalidValue,
                          "cudaFree: nothing live begins at this address; it was freed before, or is no device memory");
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (const cudaError_t bad = emulation::use_current_device("cudaMemGetInfo")) return bad;
  *free = emulation::free_bytes();
  *total = emulation::capacity_bytes();
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  *address = nullptr;
  if (const cudaError_t bad = emulation::use_current_device("cudaMallocHost")) return bad;
  if (bytes == 0) return cudaSuccess;
  void* const memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (memory == nullptr) return emulation::error(cudaErrorMemoryAllocation, bytes, " bytes of pinned memory asked for");
  const std::lock_guard<std::mutex> lock(emulation::runtime_guard);
  emulation::pinned[reinterpret_cast<std::uintptr_t>(memory)] = bytes;
  *address = memory;
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** address, std::size_t bytes, unsigned) { return cudaMallocHost(address, bytes); }
cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  cudaError_t status = emulation::dead_device(emulation::current_device(), "cudaFreeHost");
  if (status == cudaSuccess) status = emulation::finish_all_streams();
  {
    const std::lock_guard<std::mutex> lock(emulation::runtime_guard);
    if (emulation::pinned.erase(reinterpret_cast<std::uintptr_t>(address)) == 0) {
      return emulation::error(cudaErrorInvalidValue, "cudaFreeHost: this address is not the start of pinned memory");
    }
  }
  std::free(address);
  return status;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t bad = emulation::copy("cudaMemcpy", to, bytes, from, bytes, bytes, 1, kind, nullptr))
    return bad;
  return emulation::finish_stream(nullptr);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return emulation::copy("cudaMemcpyAsync", to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return emulation::copy("cudaMemcpy2DAsync", to, to_pitch, from, from_pitch, width, height, kind, stream);
}
cudaError_t cudaMemset(void* address, int value, std::size_t bytes) {
  return cudaMemsetAsync(address, value, bytes, nullptr);
}
cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream) {
  if (const cudaError_t bad = emulation::check_stream("cudaMemsetAsync", stream)) return bad;
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t bad =
          emulation::check_range("cudaMemsetAsync", "target", address, bytes, emulation::device_of(stream)))
    return bad;
  emulation::enqueue(stream, [=] { std::memset(address, value, bytes); });
  return cudaSuccess;
}

// --- kernels

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (const cudaError_t bad = emulation::use_current_device("cudaFuncGetAttributes")) return bad;
  if (!emulation::has_image(emulation::current_device())) {
    return emulation::error(cudaErrorNoKernelImageForDevice, "the kernels are compiled for ",
                            emulation::kernel_images());
  }
  *attributes = {};
  const emulation::LaunchBounds bounds = emulation::launch_bounds_of(kernel);
  attributes->maxThreadsPerBlock = bounds.threads > 0 ? bounds.threads : emulation::kMaxThreads;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(emulation::allowed_shared_bytes(kernel));
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || value > emulation::kMaxSharedBytes) {
    return emulation::error(cudaErrorInvalidValue, "cudaFuncSetAttribute: ", value,
                            " bytes of shared memory asked for, a block has at most ", emulation::kMaxSharedBytes);
  }
  const std::lock_guard<std::mutex> lock(emulation::runtime_guard);
  emulation::shared_bytes_asked[kernel] = value;
  return cudaSuccess;
}
