#include "backends/cuda/workspace.h"

#include <algorithm>

namespace cheems::cuda {

int64_t workspace_bytes(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  int64_t most = 0;
#define CHEEMS_MOST_none(name)
#define CHEEMS_MOST_scratch(name) most = std::max(most, name##_workspace(request, most_for_cublas_lt));
#define CHEEMS_MOST(name, Contract, cpu, cuda, work) CHEEMS_MOST_##cuda(name)
  CHEEMS_OPERATIONS(CHEEMS_MOST)
#undef CHEEMS_MOST
#undef CHEEMS_MOST_scratch
#undef CHEEMS_MOST_none
  return most;
}

}  // namespace cheems::cuda
