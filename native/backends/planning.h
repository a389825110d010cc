// What a memory plan must know about a backend, whether that backend is on this machine or not: a run on a GPU can be
// planned on a laptop.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "ops/operations.h"

namespace cheems {

struct PlanningBackend {
  DType default_precision;
  std::function<DType(DType precision)> activations;  // as of Backend
  bool widens_weights;
  WorkspaceBytes workspace_bytes;
  int64_t available_memory;          // bytes; -1 without such a device
  int64_t memory_reserve;            // bytes of them that a plan leaves free
  int64_t useful_micro_batch;        // as in Backend
  std::string choice;                // which device is planned for and why: a sentence
  std::unique_ptr<Backend> backend;  // null without such a device
};

// `device` and `threads` as for create_backend; "cuda" or "cuda:N" on a machine without that GPU gives the CUDA
// backend's rules. Throws Error for an unknown kind of device.
PlanningBackend planning_backend(const std::string& device, int threads);

}  // namespace cheems
