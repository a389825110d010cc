#include "backends/planning.h"

#include "backends/cuda/workspace.h"
#include "backends/plugin_loader.h"
#include "core/error.h"

namespace cheems {
namespace {

bool names_cuda(const std::string& device) {
  return device == "cuda" || (device.starts_with("cuda:") && device.size() > 5 &&
                              device.find_first_not_of("0123456789", 5) == std::string::npos);
}

}  // namespace

PlanningBackend planning_backend(const std::string& device, int threads) {
  PlanningBackend planned;
  try {
    planned.backend = create_backend(device, threads, planned.choice);
  } catch (const Error& missing) {
    if (!names_cuda(device)) throw;
    return {DType::bfloat16,
            [](DType precision) { return precision; },
            false,
            [](const WorkspaceRequest& request) { return cuda::workspace_bytes(request); },
            -1,
            cuda::kMemoryReserveBytes,
            cuda::kUsefulMicroBatch,
            sentence("Planned for a CUDA device that is not here: ", missing.what()),
            nullptr};
  }
  Backend& backend = *planned.backend;
  planned.default_precision = backend.default_precision();
  planned.activations = [&backend](DType precision) { return backend.activations(precision); };
  planned.widens_weights = backend.widens_weights();
  planned.workspace_bytes = [&backend](const WorkspaceRequest& request) {
    return backend.operations().workspace_bytes(request);
  };
  planned.available_memory = backend.available_memory();
  planned.memory_reserve = backend.memory_reserve();
  planned.useful_micro_batch = backend.useful_micro_batch();
  return planned;
}

}  // namespace cheems
