// cuBLASLt's matrix product on the CPU: column-major, with float32 sums, computed immediately. Stricter than NVIDIA's:
// bfloat16 operands that are not aligned to 16 bytes have no algorithm; a call that breaks the rules or accesses memory
// outside of the device is refused; the workspace is overwritten, as a split sum would do.
#include <cublasLt.h>

#include <cstring>
#include <vector>

#include "core/dtype.h"
#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/streams.h"

using cheems::bfloat16_to_float;
using cheems::float_to_bfloat16;

struct cublasLtContext {
  int device;
};
struct EmulatedMatrixLayout {
  cudaDataType_t type;
  int64_t rows, columns, leading_dimension;
};
struct EmulatedMatmulDesc {
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct EmulatedMatmulPreference {
  size_t workspace_bytes = 0;
  uint32_t reduction_schemes = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};  // a, b, c, d
};

namespace {

// The content of cublasLtMatmulAlgo_t: the mark, the algorithm's workspace, and the m, n and k that it was chosen for.
constexpr uint64_t kAlgorithmMark = 0xc8ee5000;

bool checks_refused = false;

size_t bytes_of(cudaDataType_t type) { return type == CUDA_R_16BF ? 2 : 4; }

bool known_type(cudaDataType_t type) { return type == CUDA_R_16BF || type == CUDA_R_32F; }

// Whether the four layouts fit one product.
bool consistent(const EmulatedMatmulDesc& desc, const EmulatedMatrixLayout& a, const EmulatedMatrixLayout& b,
                const EmulatedMatrixLayout& c, const EmulatedMatrixLayout& d) {
  for (const auto* layout : {&a, &b, &c, &d}) {
    if (!known_type(layout->type) || layout->rows <= 0 || layout->columns <= 0 ||
        layout->leading_dimension < layout->rows)
      return false;
  }
  const bool ta = desc.transpose_a == CUBLAS_OP_T, tb = desc.transpose_b == CUBLAS_OP_T;
  const int64_t m = ta ? a.columns : a.rows, k = ta ? a.rows : a.columns, k_of_b = tb ? b.columns : b.rows,
                n = tb ? b.rows : b.columns;
  return k == k_of_b && d.rows == m && d.columns == n && c.rows == m && c.columns == n && c.type == d.type &&
         a.type == b.type && (a.type == d.type || d.type == CUDA_R_32F);
}

int64_t inner_of(const EmulatedMatmulDesc& desc, const EmulatedMatrixLayout& a) {
  return desc.transpose_a == CUBLAS_OP_T ? a.rows : a.columns;
}

bool aligned(const void* address, size_t bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; }

bool on_device(const void* address, size_t bytes) {
  return bytes == 0 || cheems::cuda_on_cpu::in_live_allocation(reinterpret_cast<uintptr_t>(address), bytes,
                                                               cheems::cuda_on_cpu::current_device());
}

// Whether the matrix is inside one allocation of the device's memory.
bool on_device(const void* data, const EmulatedMatrixLayout& layout) {
  return on_device(
      data, static_cast<size_t>((layout.columns - 1) * layout.leading_dimension + layout.rows) * bytes_of(layout.type));
}

// A matrix as float32, op(M) row by row: [rows of op(M), columns of op(M)].
std::vector<float> gather(const void* data, const EmulatedMatrixLayout& layout, bool transpose) {
  const int64_t rows = transpose ? layout.columns : layout.rows, columns = transpose ? layout.rows : layout.columns;
  std::vector<float> all(static_cast<size_t>(rows * columns));
  for (int64_t column = 0; column < layout.columns; ++column) {
    for (int64_t row = 0; row < layout.rows; ++row) {
      const int64_t from = column * layout.leading_dimension + row,
                    to = transpose ? column * columns + row : row * columns + column;
      all[static_cast<size_t>(to)] = layout.type == CUDA_R_16BF
                                         ? bfloat16_to_float(static_cast<const uint16_t*>(data)[from])
                                         : static_cast<const float*>(data)[from];
    }
  }
  return all;
}

// Set by a test: see set_cublas_lt_answers.
cublasStatus_t heuristic_answer = CUBLAS_STATUS_SUCCESS, product_answer = CUBLAS_STATUS_SUCCESS,
               create_answer = CUBLAS_STATUS_SUCCESS;

template <class Descriptor>
cublasStatus_t destroy(Descriptor* descriptor) {
  if (!descriptor) return CUBLAS_STATUS_INVALID_VALUE;
  delete descriptor;
  return CUBLAS_STATUS_SUCCESS;
}

template <class Value>
cublasStatus_t take(Value& to, const void* value, size_t bytes) {
  if (!value || bytes != sizeof(Value)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

void cheems::cuda_on_cpu::set_cublas_lt_answers(int heuristic_status, int product_status, int create_status) {
  heuristic_answer = static_cast<cublasStatus_t>(heuristic_status);
  product_answer = static_cast<cublasStatus_t>(product_status);
  create_answer = static_cast<cublasStatus_t>(create_status);
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (create_answer != CUBLAS_STATUS_SUCCESS) return create_answer;
  *handle = new cublasLtContext{cheems::cuda_on_cpu::current_device()};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return destroy(handle); }
size_t cublasLtGetVersion() { return CUBLAS_VER_MAJOR * 10000 + CUBLAS_VER_MINOR * 100 + CUBLAS_VER_PATCH; }
const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "allocation failed";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "an internal operation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
  }
  return "unknown";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t compute, cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  *made = new EmulatedMatmulDesc;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return destroy(desc); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take(desc->transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take(desc->transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take(desc->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(desc->bias, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t leading_dimension) {
  *made = new EmulatedMatrixLayout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading_dimension};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  *made = new EmulatedMatmulPreference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return destroy(preference); }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return take(preference->workspace_bytes, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return take(preference->reduction_schemes, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return take(preference->alignment[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return take(preference->alignment[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return take(preference->alignment[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return take(preference->alignment[3], value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* returned) {
  *returned = 0;
  if (heuristic_answer != CUBLAS_STATUS_SUCCESS) return heuristic_answer;
  if (!handle || requested < 1 || !consistent(*desc, *a, *b, *c, *d)) return CUBLAS_STATUS_INVALID_VALUE;
  // The caller must have excluded sums in an order that is not fixed.
  if (preference->reduction_schemes & (CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const EmulatedMatrixLayout* layouts[4] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) {
    const size_t least = layouts[i]->type == CUDA_R_16BF ? 16 : 4;
    if (preference->alignment[i] < least ||
        static_cast<size_t>(layouts[i]->leading_dimension) * bytes_of(layouts[i]->type) % least != 0)
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  results[0] = {};
  results[0].algo.data[0] = kAlgorithmMark;
  results[0].algo.data[1] = preference->workspace_bytes;
  results[0].algo.data[2] = static_cast<uint64_t>(d->rows);
  results[0].algo.data[3] = static_cast<uint64_t>(d->columns);
  results[0].algo.data[4] = static_cast<uint64_t>(inner_of(*desc, *a));
  results[0].workspaceSize = preference->workspace_bytes;
  *returned = 1;
  return CUBLAS_STATUS_SUCCESS;
}

// Stricter than NVIDIA's: an algorithm accepts no product that is larger than the one it was chosen for.
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
  if (!handle || !algorithm || algorithm->data[0] != kAlgorithmMark || !consistent(*desc, *a, *b, *c, *d))
    return CUBLAS_STATUS_INVALID_VALUE;
  const auto most = [&](int which) { return static_cast<int64_t>(algorithm->data[which]); };
  if (checks_refused || d->rows > most(2) || d->columns > most(3) || inner_of(*desc, *a) > most(4))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *result = {};
  result->algo = *algorithm;
  result->workspaceSize = algorithm->data[1];
  return CUBLAS_STATUS_SUCCESS;
}

void cheems::cuda_on_cpu::refuse_algorithm_checks(bool refused) { checks_refused = refused; }

namespace {

// A copy of a requested product: it may be computed after its descriptors have been destroyed.
struct Product {
  EmulatedMatmulDesc desc;
  EmulatedMatrixLayout a_layout, b_layout, c_layout, d_layout;
  const void *a, *b, *c;
  void *d, *workspace;
  size_t scratch_bytes;
  float alpha, beta;
};

void multiply(const Product& product) {
  const auto& [desc, a_layout, b_layout, c_layout, d_layout, a, b, c, d, workspace, scratch_bytes, scale, keep] =
      product;
  if (workspace) std::memset(workspace, 0xff, scratch_bytes);

  const std::vector<float> left = gather(a, a_layout, desc.transpose_a == CUBLAS_OP_T);   // [m, k]
  const std::vector<float> right = gather(b, b_layout, desc.transpose_b == CUBLAS_OP_N);  // [n, k]
  const int64_t m = d_layout.rows, n = d_layout.columns, k = static_cast<int64_t>(left.size()) / m;
  const bool with_bias = desc.epilogue == CUBLASLT_EPILOGUE_BIAS;
  for (int64_t column = 0; column < n; ++column) {
    for (int64_t row = 0; row < m; ++row) {
      const float* x = left.data() + row * k;
      const float* y = right.data() + column * k;
      float partial[8] = {};  // the compiler's vector
      int64_t i = 0;
      for (; i + 8 <= k; i += 8) {
        for (int64_t j = 0; j < 8; ++j) partial[j] += x[i + j] * y[i + j];
      }
      float sum = 0;
      for (; i < k; ++i) sum += x[i] * y[i];
      for (const float part : partial) sum += part;
      sum *= scale;
      const int64_t at = column * d_layout.leading_dimension + row, at_c = column * c_layout.leading_dimension + row;
      const bool half = d_layout.type == CUDA_R_16BF;
      if (keep != 0)
        sum += keep *
               (half ? bfloat16_to_float(static_cast<const uint16_t*>(c)[at_c]) : static_cast<const float*>(c)[at_c]);
      if (with_bias)
        sum += half ? bfloat16_to_float(static_cast<const uint16_t*>(desc.bias)[row])
                    : static_cast<const float*>(desc.bias)[row];
      if (half) static_cast<uint16_t*>(d)[at] = float_to_bfloat16(sum);
      else static_cast<float*>(d)[at] = sum;
    }
  }
}

}  // namespace

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
  if (product_answer != CUBLAS_STATUS_SUCCESS) return product_answer;
  // A handle belongs to the device that was current when it was created.
  const int device = cheems::cuda_on_cpu::current_device();
  if (!handle || handle->device != device || cheems::cuda_on_cpu::device_of(stream) != device)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (cheems::cuda_on_cpu::dead_device(device, "cublasLtMatmul") != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (!algorithm || algorithm->data[0] != kAlgorithmMark ||
      !consistent(*desc, *a_layout, *b_layout, *c_layout, *d_layout))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (workspace_bytes < algorithm->data[1] || (workspace_bytes > 0 && (!workspace || !aligned(workspace, 16))))
    return CUBLAS_STATUS_INVALID_VALUE;
  const size_t least = a_layout->type == CUDA_R_16BF ? 16 : 4, least_result = d_layout->type == CUDA_R_16BF ? 16 : 4;
  if (!aligned(a, least) || !aligned(b, least) || !aligned(c, least_result) || !aligned(d, least_result))
    return CUBLAS_STATUS_INVALID_VALUE;
  const bool with_bias = desc->epilogue == CUBLASLT_EPILOGUE_BIAS;
  if (with_bias && !desc->bias) return CUBLAS_STATUS_INVALID_VALUE;
  if (c == d && c_layout->leading_dimension != d_layout->leading_dimension) return CUBLAS_STATUS_INVALID_VALUE;
  if (!on_device(a, *a_layout) || !on_device(b, *b_layout) || !on_device(c, *c_layout) || !on_device(d, *d_layout) ||
      !on_device(workspace, workspace_bytes) ||
      (with_bias && !on_device(desc->bias, static_cast<size_t>(d_layout->rows) * bytes_of(d_layout->type)))) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  cheems::cuda_on_cpu::enqueue(stream, [product = Product{*desc, *a_layout, *b_layout, *c_layout, *d_layout, a, b, c, d,
                                                          workspace_bytes > 0 ? workspace : nullptr, algorithm->data[1],
                                                          *static_cast<const float*>(alpha),
                                                          *static_cast<const float*>(beta)}] { multiply(product); });
  return CUBLAS_STATUS_SUCCESS;
}
