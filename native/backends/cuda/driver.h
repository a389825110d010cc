// The NVIDIA driver of this machine, found without touching a device.
#pragma once

#include <string>

namespace cheems::cuda {

// A version as CUDA numbers it: 12080 -> "12.8".
std::string cuda_version_text(int version);

// "580.65.06, runs CUDA 13.0"; "" if no driver is installed.
std::string driver_version();

}  // namespace cheems::cuda
