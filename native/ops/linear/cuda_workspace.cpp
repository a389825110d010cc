#include <algorithm>

#include "backends/cuda/workspace.h"
#include "ops/linear/cuda_scratch.h"

namespace cheems::cuda {
namespace {

// For the product itself: the partial sums of a product that cuBLASLt splits, at most 16 of the float32 result and
// never more than `most`. (A weight gradient is split along the rows; with few rows not at all.) A bias rounded to
// bfloat16 lies before it.
int64_t product_workspace(const WorkspaceRequest& request, int64_t most) {
  const int64_t split = 16 * request.rows * request.widest_row * static_cast<int64_t>(sizeof(float));
  return bias_workspace(request.widest_row) + std::min(most, std::max<int64_t>(64 << 10, split));
}

}  // namespace

int64_t linear_forward_workspace(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  return product_workspace(request, most_for_cublas_lt);
}

int64_t linear_backward_input_workspace(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  return product_workspace(request, most_for_cublas_lt);
}

int64_t linear_backward_weight_workspace(const WorkspaceRequest& request, int64_t most_for_cublas_lt) {
  const int64_t bias_gradient = request.backward ? bias_gradient_workspace(request.rows, request.widest_row) : 0;
  return std::max(product_workspace(request, most_for_cublas_lt), bias_gradient);
}

}  // namespace cheems::cuda
