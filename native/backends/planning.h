// What a memory plan must know of a backend, whether that backend is here or not: a run on a GPU can be planned on a
// laptop.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "ops/operations.h"

namespace cheems {

struct PlanningBackend {
  DType default_activations;
  bool widens_weights;
  WorkspaceBytes workspace_bytes;
  int64_t available_memory;          // bytes; -1 where no such device is here
  int64_t memory_reserve;            // bytes of them that a plan leaves alone
  int64_t useful_micro_batch;        // as of Backend
  std::string choice;                // what is planned for and why: a sentence
  std::unique_ptr<Backend> backend;  // null where no such device is here
};

// `device` and `threads` as of create_backend; "cuda" or "cuda:N" where there is no such GPU gives the CUDA backend's
// rules. Throws Error for a device of no known kind.
PlanningBackend planning_backend(const std::string& device, int threads);

}  // namespace cheems
