// How a backend's workspace is requested.
#pragma once

#include <cstdint>
#include <functional>

namespace cheems {

// The largest batch that will be computed; the backend derives its workspace from it.
struct WorkspaceRequest {
  int64_t longest_path = 0;  // tokens of the longest sample
  int64_t num_heads = 0, num_key_value_heads = 0, head_size = 0;
  int64_t widest_row = 0;  // columns of the widest activation or norm
  int64_t rows = 0;        // token rows of the largest micro-batch
  bool backward = false;
  int64_t relative_buckets = 0;  // rows of the relative position embeddings; 0: no disentangled attention
};

// Bytes of workspace for a request: Operations::workspace_bytes, or its formula if the backend is not on this machine.
using WorkspaceBytes = std::function<int64_t(const WorkspaceRequest&)>;

}  // namespace cheems
