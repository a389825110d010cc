// The emulated devices: what each is, which one the calling thread has chosen, and what has become of it. A device's
// context is made by its first use, as CUDA 12 does in cudaSetDevice, and may be refused then.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>

#include "testing/cuda_on_cpu/emulated_device.h"

namespace cheems::cuda_on_cpu {

int device_count();
int current_device();
EmulatedDevice description_of(int device);

// cudaSetDevice; and for a call that needs the thread's device, whether it can be used.
cudaError_t choose_device(int device);
cudaError_t use_current_device(const char* call);
// The error that the device died of, or cudaSuccess.
cudaError_t dead_device(int device, const char* call);

// A kernel's fault. True where the device dies of it (see set_errors_sticky): then every later call on it is that
// error.
bool dies_of_fault(int device, const std::string& fault);

// Whether the device runs one of the images that the kernels are compiled for; and what they are, as in "sm_80,
// compute_80".
bool has_image(int device);

// The bytes of a device: all of them, and those that neither other processes nor contexts nor allocations have.
std::size_t capacity_bytes();  // of the thread's device
std::size_t free_bytes();
std::size_t free_bytes_of(int device);
bool take_bytes(int device, std::size_t bytes);
void give_bytes(int device, std::size_t bytes);

}  // namespace cheems::cuda_on_cpu
