// Free memory of a GPU from the driver's management library (NVML, libnvidia-ml.so.1): without a context, which would
// take half a GiB on every GPU that is only inspected.
#pragma once

#include <cstdint>
#include <optional>

namespace cheems::cuda {

// Nothing if there is no such library, or if it does not know (MIG instances, Tegra).
std::optional<int64_t> free_memory_without_context(int device);

}  // namespace cheems::cuda
