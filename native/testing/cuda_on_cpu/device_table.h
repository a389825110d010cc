// The emulated devices: the properties and state of each, and which one is current for the calling thread. A device's
// context is created at its first use, like in CUDA 12's cudaSetDevice, and may be refused then.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>

#include "testing/cuda_on_cpu/emulated_device.h"

namespace cheems::cuda_on_cpu {

int device_count();
int current_device();
EmulatedDevice description_of(int device);

// cudaSetDevice; and a check whether the thread's current device can be used, for calls that need it.
cudaError_t choose_device(int device);
cudaError_t use_current_device(const char* call);
// The error that stopped the device, or cudaSuccess.
cudaError_t dead_device(int device, const char* call);

// Handles a kernel's fault. Returns true if the fault stops the device (see set_errors_sticky): then every later call
// on it returns that error.
bool dies_of_fault(int device, const std::string& fault);

// Whether the device can run one of the images that the kernels are compiled for; and the list of images, such as
// "sm_80, compute_80".
bool has_image(int device);

// The memory of a device in bytes: all of it, and the part that neither other processes nor contexts nor allocations
// use.
std::size_t capacity_bytes();  // of the thread's current device
std::size_t free_bytes();
std::size_t free_bytes_of(int device);
bool take_bytes(int device, std::size_t bytes);
void give_bytes(int device, std::size_t bytes);

}  // namespace cheems::cuda_on_cpu
