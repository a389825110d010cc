// An array on the emulated device, for the tests of the execution model.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <vector>

#include "core/error.h"

namespace cheems::cuda_on_cpu {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) { check(cudaMalloc(&data_, size * sizeof(T))); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    check(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> values(size_);
    check(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  static void check(cudaError_t status) {
    if (status != cudaSuccess) fail("The emulated device: ", cudaGetErrorString(status), ".");
  }

  T* data_ = nullptr;
  std::size_t size_;
};

}  // namespace cheems::cuda_on_cpu
