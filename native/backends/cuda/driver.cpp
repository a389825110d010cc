#include "backends/cuda/driver.h"

#include <cuda_runtime.h>

#include <fstream>

#include "core/error.h"

namespace cheems::cuda {

std::string cuda_version_text(int version) { return sentence(version / 1000, ".", version % 1000 / 10); }

std::string driver_version() {
  int version = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess || version == 0) return "";
  const std::string runs = "runs CUDA " + cuda_version_text(version);
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 …": the first word that is a number with
  // dots.
  std::ifstream stream("/proc/driver/nvidia/version");
  for (std::string word; stream >> word && word != "GCC";) {
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos)
      return word + ", " + runs;
  }
  return runs;
}

}  // namespace cheems::cuda
