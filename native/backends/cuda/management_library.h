// Free memory of a GPU as the driver's management library (NVML, libnvidia-ml.so.1) tells it: without a context, which
// would take half a GiB on every GPU that is only looked at.
#pragma once

#include <cstdint>
#include <optional>

namespace cheems::cuda {

// Nothing where there is no such library, or it does not tell (MIG instances, Tegra).
std::optional<int64_t> free_memory_without_context(int device);

}  // namespace cheems::cuda
