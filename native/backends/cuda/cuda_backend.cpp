#include "backends/cuda/cuda_backend.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <mutex>

#include "backends/cuda/cuda_operations.h"
#include "backends/cuda/device_facts.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/errors.h"
#include "backends/cuda/images.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/ranges.h"
#include "backends/cuda/staging.h"
#include "core/error.h"

namespace cheems {
namespace cuda {
namespace {

// The first compute capability (Ampere) with bfloat16 on tensor cores and asynchronous copies from global to shared
// memory.
constexpr int kLeastComputeCapability = 80;

int compute_capability(const cudaDeviceProp& properties) { return properties.major * 10 + properties.minor; }

// The number of devices, or 0 with the reason.
int count_devices(std::string& missing) {
  int count = 0, driver = 0, runtime = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  if (driver == 0) {
    missing = "no NVIDIA driver is installed (or it is not visible here, as in a container started without the GPU)";
  } else if (error == cudaErrorInsufficientDriver) {
    missing = sentence("the NVIDIA driver is too old: it offers CUDA ", cuda_version_text(driver),
                       ", this build needs ", cuda_version_text(runtime), "; update the driver");
  } else if (error == cudaSuccess || error == cudaErrorNoDevice) {
    missing = "the NVIDIA driver sees no GPU (CUDA_VISIBLE_DEVICES may hide it)";
  } else {
    missing = sentence("the NVIDIA driver reports ", cudaGetErrorName(error), ": ", cudaGetErrorString(error));
  }
  return 0;
}

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), sentence("cudaGetDeviceProperties (device ", device, ")"));
  return properties;
}

std::string describe(const cudaDeviceProp& properties) {
  return sentence(properties.name, ", compute capability ", properties.major, ".", properties.minor, ", ",
                  static_cast<int64_t>(properties.totalGlobalMem) >> 30, " GiB");
}

std::string capability_text(const cudaDeviceProp& properties) {
  return sentence(properties.major, ".", properties.minor);
}

std::string no_image(const cudaDeviceProp& properties) {
  const std::string images = kernel_images();
  return sentence("the CUDA backend holds no code for compute capability ", capability_text(properties), " (",
                  properties.name, "); ", images.empty() ? "" : sentence("it holds ", images, "; "),
                  "build it on this machine (npx cheems-native build)");
}

std::string too_old(const cudaDeviceProp& properties) {
  return sentence("the ", properties.name, " has compute capability ", properties.major, ".", properties.minor,
                  ", and these kernels need 8.0 (an Ampere GPU or a later one)");
}

}  // namespace

std::vector<DeviceDescription> describe_devices(std::string& missing) {
  std::vector<DeviceDescription> devices;
  const int count = count_devices(missing);
  for (int device = 0; device < count; ++device) {
    const auto properties = properties_of(device);
    std::string unusable;
    if (compute_capability(properties) < kLeastComputeCapability) unusable = too_old(properties);
    else if (!has_image_for(kernel_images(), compute_capability(properties))) unusable = no_image(properties);
    devices.push_back({describe(properties), unusable});
  }
  return devices;
}

char* require_workspace(Context& context, int64_t bytes, const char* operation) {
  if (bytes > context.workspace_bytes) {
    fail("CUDA: ", operation, " needs ", bytes, " bytes of workspace and was given ", context.workspace_bytes,
         "; this is a defect of the engine's plan.");
  }
  return context.workspace;
}

CudaOperations::CudaOperations(int device, const Context& context)
    : device_(device), context_(context), batch_(context.stream) {
  context_.batch = &batch_;
  context_.cublas_lt = &cublas_lt_;
  context_.cublas_lt_bytes = kOwnCublasLtBytes;
  context_.slow_products = &slow_products_;
}

void CudaOperations::begin_batch(const PackedTree& tree) {
  check(cudaSetDevice(device_),
        "cudaSetDevice");  // the calling thread may differ from the one that created the backend
  batch_.begin(tree);
}

namespace {

// Creates a context on the device and, before the first launch, checks that there is code for it. Throws Error if
// either fails.
void open_device(int device, const cudaDeviceProp& properties) {
  const cudaError_t chosen = cudaSetDevice(device);
  const int code = static_cast<int>(chosen);
  if (code == 46) {
    (void)cudaGetLastError();
    fail("cuda:", device, " (", properties.name,
         ") cannot be used: another process has it for itself, or its compute mode forbids all use (nvidia-smi -q -d "
         "COMPUTE tells).");
  }
  if (chosen == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    fail("Out of GPU memory: cuda:", device, " (", properties.name,
         ") has not even room for CUDA's own context; end what else runs on it (nvidia-smi lists it).");
  }
  check(chosen, sentence("cudaSetDevice (", device, ")"));
  cudaFuncAttributes attributes{};
  const cudaError_t image = cudaFuncGetAttributes(&attributes, any_kernel());
  if (image == cudaSuccess) return;
  (void)cudaGetLastError();
  const int reason = static_cast<int>(image);
  if (reason == 209) fail("cuda:", device, " cannot be used: ", no_image(properties), ".");
  if (reason == 222) {
    fail("cuda:", device, " cannot be used: for the ", properties.name,
         " the CUDA backend holds only PTX, from a newer CUDA than the driver supports; update the driver, or build it "
         "on this machine (npx cheems-native build).");
  }
  check(image, sentence("cudaFuncGetAttributes (whether cuda:", device, " runs these kernels)"));
}

class CudaBuffer : public Buffer {
 public:
  CudaBuffer(int device, void* data, int64_t size) : device_(device), data_(data), size_(size) {}
  ~CudaBuffer() override {
    (void)cudaSetDevice(device_);
    (void)cudaFree(data_);  // waits for the work that may still use it
  }
  void* data() const override { return data_; }
  int64_t size() const override { return size_; }

 private:
  int device_;
  void* data_;
  int64_t size_;
};

// The stream, created before and destroyed after everything that uses it.
struct Stream {
  cudaStream_t handle = nullptr;
  Stream() { check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  ~Stream() { (void)cudaStreamDestroy(handle); }
  Stream(const Stream&) = delete;
};

Context context_for(cudaStream_t stream, const cudaDeviceProp& properties) {
  Context context;
  context.stream = stream;
  context.multiprocessors = properties.multiProcessorCount;
  context.compute_capability = compute_capability(properties);
  context.shared_memory_bytes = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
  return context;
}

// One stream for everything. A micro-batch's own copies take about 10 microseconds; a second stream would not hide them
// and would need events for the order.
class CudaBackend : public Backend {
 public:
  CudaBackend(int device, const cudaDeviceProp& properties)
      : device_(device),
        properties_(properties),
        description_(describe(properties)),
        operations_(device, context_for(stream_.handle, properties)),
        ring_(stream_.handle, kSlots, kSlotBytes) {}
  ~CudaBackend() override {
    // This must not throw, even if the device has failed.
    (void)cudaSetDevice(device_);
    (void)cudaStreamSynchronize(stream_.handle);
  }

  std::string name() const override { return sentence("cuda:", device_); }
  std::string description() const override { return description_; }
  DeviceFacts facts() const override { return device_facts(properties_, operations_.cublas_version()); }
  Operations& operations() override { return operations_; }
  void begin_range(const char* name, int64_t number) override { push_range(name, number); }
  void end_range() override { pop_range(); }
  bool computes_in(DType precision) const override {
    return precision == DType::float32 || precision == DType::bfloat16;
  }
  DType default_precision() const override { return DType::bfloat16; }
  bool widens_weights() const override { return false; }

  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override {
    select();
    bytes = std::max<int64_t>(bytes, 1);
    void* data = nullptr;
    const cudaError_t error = cudaMalloc(&data, static_cast<size_t>(bytes));
    if (error == cudaErrorMemoryAllocation) fail_out_of_memory(mebibytes_for(bytes, purpose));
    check(error, sentence("cudaMalloc (", bytes, " bytes for ", purpose, ")"));
    auto buffer = std::make_unique<CudaBuffer>(device_, data, bytes);
    zero(data, bytes);
    return buffer;
  }
  void upload(void* destination, const void* host, int64_t bytes) override {
    select();
    ring_.upload(destination, host, bytes);
  }
  void download(void* host, const void* source, int64_t bytes) override {
    select();
    ring_.download(host, source, bytes);
  }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    select();
    return ring_.download_later(host, source, bytes);
  }
  bool arrived(int64_t download) override {
    select();
    return ring_.arrived(download);
  }
  void wait_for(int64_t download) override {
    select();
    ring_.wait_for(download);
  }
  void finish() override {
    select();
    ring_.finish();
  }
  void zero(void* destination, int64_t bytes) override {
    if (bytes == 0) return;
    select();
    check(cudaMemsetAsync(destination, 0, static_cast<size_t>(bytes), stream_.handle),
          sentence("cudaMemsetAsync (", bytes, " bytes)"));
  }
  int64_t available_memory() const override {
    select();
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return static_cast<int64_t>(free);
  }
  int64_t memory_reserve() const override { return kMemoryReserveBytes; }
  int64_t useful_micro_batch() const override { return kUsefulMicroBatch; }
  std::vector<BackendNote> notes() const override { return operations_.notes(); }

 private:
  // The current device is a property of the calling thread.
  void select() const { check(cudaSetDevice(device_), sentence("cudaSetDevice (", device_, ")")); }

  static constexpr int kSlots = 4;
  static constexpr int64_t kSlotBytes = int64_t{4} << 20;

  int device_;
  cudaDeviceProp properties_;
  std::string description_;
  Stream stream_;
  CudaOperations operations_;
  StagingRing ring_;
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> create_cuda_backend(int device) {
  std::string missing;
  const int count = cuda::count_devices(missing);
  if (count == 0) fail("The CUDA backend cannot be used: ", missing, ".");
  if (device < 0 || device >= count)
    fail("There is no device cuda:", device, ": this machine has ", count,
         count == 1 ? " GPU (cuda:0)." : sentence(" GPUs (cuda:0 to cuda:", count - 1, ")."));
  const auto properties = cuda::properties_of(device);
  if (cuda::compute_capability(properties) < cuda::kLeastComputeCapability)
    fail("cuda:", device, " cannot be used: ", cuda::too_old(properties), ".");
  cuda::open_device(device, properties);
  return std::make_unique<cuda::CudaBackend>(device, properties);
}

}  // namespace cheems
