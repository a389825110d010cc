#include "backends/cuda/cublas_lt.h"

#include <cublasLt.h>

#include <array>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include "backends/cuda/cublas_library.h"
#include "backends/cuda/errors.h"
#include "backends/cuda/slow_products.h"
#include "backends/cuda/workspace.h"
#include "core/error.h"

namespace cheems::cuda {

namespace {

cudaDataType_t data_type(DType dtype) { return dtype == DType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F; }

// The largest power of two up to 16 that divides the address: no algorithm needs more.
uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  uint32_t alignment = 1;
  while (alignment < 16 && bits % (2 * alignment) == 0) alignment *= 2;
  return alignment;
}

// Micro-batches of always new lengths create always new shapes, so the number of kept choices is bounded.
constexpr size_t kMostPlans = 4096;

// What cuBLASLt chose, if it has an algorithm.
struct Choice {
  bool found = false;
  cublasLtMatmulAlgo_t algorithm{};
  std::string refusal = {};  // if none was found: why
};

// A product's descriptors and the algorithm chosen for it.
struct Plan {
  const CublasLtFunctions& functions;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t first = nullptr, second = nullptr, added = nullptr, result = nullptr;
  Choice choice;

  explicit Plan(const CublasLtFunctions& f) : functions(f) {}
  Plan(const Plan&) = delete;
  ~Plan() {
    for (auto layout : {first, second, added, result}) {
      if (layout) functions.cublasLtMatrixLayoutDestroy(layout);
    }
    if (operation) functions.cublasLtMatmulDescDestroy(operation);
  }
};

// Why there is no algorithm, as far as the product itself shows.
std::string refusal_of(const MatrixProduct& p, const char* cublas_reason) {
  const int64_t bytes = size_of(p.operands), result_bytes = size_of(p.result);
  struct Matrix {
    const char* name;
    const void* data;
    int64_t row_bytes;
  };
  for (const Matrix& matrix :
       {Matrix{"the first operand", p.a, p.a_stride * bytes}, Matrix{"the second operand", p.b, p.b_stride * bytes},
        Matrix{"the result", p.d, p.d_stride * result_bytes},
        Matrix{"what is added", p.c, p.c ? p.c_stride * result_bytes : 0}}) {
    if (p.operands == DType::float32) break;  // any multiple of 4 will do
    if (matrix.row_bytes % 16 != 0) {
      return sentence(
          "rows of ", matrix.name, " are ", matrix.row_bytes,
          " bytes apart, and cuBLASLt's products on tensor cores want multiples of 16 (sizes that are multiples of 8)");
    }
    if (alignment_of(matrix.data) < 16) return sentence(matrix.name, " does not begin at a multiple of 16 bytes");
  }
  return sentence("cuBLASLt has no algorithm for it (", cublas_reason, ")");
}

// Everything that the choice of an algorithm depends on.
using Key = std::array<int64_t, 12>;

Key key_of(const MatrixProduct& p, int64_t workspace_bytes) {
  const int64_t flags =
      (p.a_transposed ? 1 : 0) | (p.b_transposed ? 2 : 0) | (p.c ? 4 : 0) | (p.bias ? 8 : 0) | (p.c == p.d ? 16 : 0);
  return {p.rows,
          p.columns,
          p.inner,
          p.a_stride,
          p.b_stride,
          p.d_stride,
          p.c ? p.c_stride : 0,
          static_cast<int64_t>(p.operands) * 8 + static_cast<int64_t>(p.result),
          flags,
          alignment_of(p.a) * 32 + alignment_of(p.b),
          alignment_of(p.c) * 32 + alignment_of(p.d),
          workspace_bytes};
}

// The product for which an algorithm is requested: with the number of tokens rounded up by at most an eighth and at
// most 255. All other sizes are the model's. Tokens are the rows, or what a weight's gradient sums over.
MatrixProduct bucket_of(MatrixProduct p) {
  int64_t& tokens = p.a_transposed ? p.inner : p.rows;
  int64_t step = 1;
  while (16 * step <= tokens && step < 256) step *= 2;
  tokens = (tokens + step - 1) / step * step;
  return p;
}

}  // namespace

struct CublasLt::Implementation {
  const CublasLtFunctions& functions = cublas_lt_library().functions;
  cublasLtHandle_t handle = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans;
  std::map<Key, Choice> choices;  // by bucket
  int64_t heuristics_asked = 0;

  Implementation() { require(functions.cublasLtCreate(&handle), "cublasLtCreate"); }
  ~Implementation() {
    plans.clear();
    if (handle) functions.cublasLtDestroy(handle);
  }
  void require(cublasStatus_t status, const char* call, cudaStream_t stream = nullptr) const;
  Plan& plan(const MatrixProduct& p, int64_t workspace_bytes);
  std::unique_ptr<Plan> describe(const MatrixProduct& p);
  Choice ask(const MatrixProduct& p, int64_t workspace_bytes);
  Choice choice_for_bucket(const MatrixProduct& bucket, int64_t workspace_bytes);
  bool fits(const Choice& choice, const Plan& plan, int64_t workspace_bytes);
};

namespace {

// Less than what plans leave free for libraries.
bool memory_is_short() {
  size_t free = 0, total = 0;
  return cudaMemGetInfo(&free, &total) == cudaSuccess && static_cast<int64_t>(free) < kMemoryReserveBytes / 2;
}

}  // namespace

void CublasLt::Implementation::require(cublasStatus_t status, const char* call, cudaStream_t stream) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  // A device that has failed is reported by CUDA's own error.
  const cudaError_t device = cudaStreamQuery(stream);
  if (is_sticky(device)) check(device, call);
  (void)cudaGetLastError();
  const bool may_be_memory = status == CUBLAS_STATUS_NOT_INITIALIZED || status == CUBLAS_STATUS_INTERNAL_ERROR ||
                             status == CUBLAS_STATUS_EXECUTION_FAILED;
  if (status == CUBLAS_STATUS_ALLOC_FAILED || (may_be_memory && memory_is_short())) {
    fail_out_of_memory(sentence("what cuBLASLt itself needs (", call, ": ", functions.cublasLtGetStatusString(status),
                                ", ", static_cast<int>(status), ")"));
  }
  fail("cuBLASLt: ", call, " failed: ", functions.cublasLtGetStatusString(status), " (", static_cast<int>(status), ").",
       status == CUBLAS_STATUS_EXECUTION_FAILED
           ? " Either this product or an earlier kernel failed on the GPU; restart this process before using the GPU "
             "again. With CUDA_LAUNCH_BLOCKING=1 in the environment, the error names the kernel."
           : "");
}

std::unique_ptr<Plan> CublasLt::Implementation::describe(const MatrixProduct& p) {
  const auto& f = functions;
  auto plan = std::make_unique<Plan>(f);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    require(f.cublasLtMatmulDescSetAttribute(plan->operation, attribute, &value, sizeof value),
            "cublasLtMatmulDescSetAttribute");
  };
  // CUBLAS_COMPUTE_32F is float32 throughout: TF32 would have to be requested.
  require(f.cublasLtMatmulDescCreate(&plan->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  const cublasOperation_t op_b = p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                          op_a = p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(CUBLASLT_MATMUL_DESC_TRANSA, op_b);
  set(CUBLASLT_MATMUL_DESC_TRANSB, op_a);
  if (p.bias) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  }
  const auto layout = [&](cublasLtMatrixLayout_t& made, DType dtype, int64_t rows, int64_t columns, int64_t stride) {
    require(f.cublasLtMatrixLayoutCreate(&made, data_type(dtype), static_cast<uint64_t>(columns),
                                         static_cast<uint64_t>(rows), stride),
            "cublasLtMatrixLayoutCreate");
  };
  layout(plan->first, p.operands, p.b_transposed ? p.columns : p.inner, p.b_transposed ? p.inner : p.columns,
         p.b_stride);
  layout(plan->second, p.operands, p.a_transposed ? p.inner : p.rows, p.a_transposed ? p.rows : p.inner, p.a_stride);
  layout(plan->added, p.result, p.rows, p.columns, p.c ? p.c_stride : p.d_stride);
  layout(plan->result, p.result, p.rows, p.columns, p.d_stride);
  return plan;
}

Choice CublasLt::Implementation::ask(const MatrixProduct& p, int64_t workspace_bytes) {
  const auto& f = functions;
  const auto plan = describe(p);
  cublasLtMatmulPreference_t preference = nullptr;
  require(f.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>, decltype(f.cublasLtMatmulPreferenceDestroy)>
      owned(preference, f.cublasLtMatmulPreferenceDestroy);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    require(f.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
            "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<size_t>(workspace_bytes));
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.b));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.a));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(p.c ? p.c : p.d));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(p.d));

  cublasLtMatmulHeuristicResult_t best{};
  int count = 0;
  ++heuristics_asked;
  const cublasStatus_t status = f.cublasLtMatmulAlgoGetHeuristic(
      handle, plan->operation, plan->first, plan->second, plan->added, plan->result, preference, 1, &best, &count);
  if (status == CUBLAS_STATUS_INVALID_VALUE) {
    fail("cuBLASLt takes the matrix product ", shape_text(p), " for invalid (rows ", p.a_stride, ", ", p.b_stride,
         " and ", p.d_stride, " numbers apart", p.bias ? ", with a bias" : "", p.c ? ", added to" : "",
         "); this is a defect of the engine: please report it.");
  }
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) require(status, "cublasLtMatmulAlgoGetHeuristic");
  if (status == CUBLAS_STATUS_SUCCESS && count > 0 && best.state == CUBLAS_STATUS_SUCCESS) return {true, best.algo, ""};
  return {
      false,
      {},
      refusal_of(p, f.cublasLtGetStatusString(status == CUBLAS_STATUS_SUCCESS ? CUBLAS_STATUS_NOT_SUPPORTED : status))};
}

Choice CublasLt::Implementation::choice_for_bucket(const MatrixProduct& bucket, int64_t workspace_bytes) {
  const Key key = key_of(bucket, workspace_bytes);
  const auto known = choices.find(key);
  if (known != choices.end()) return known->second;
  if (choices.size() >= kMostPlans) choices.clear();
  return choices[key] = ask(bucket, workspace_bytes);
}

// Whether an algorithm that was chosen for the bucket can compute exactly this product.
bool CublasLt::Implementation::fits(const Choice& choice, const Plan& plan, int64_t workspace_bytes) {
  if (!choice.found) return false;
  cublasLtMatmulHeuristicResult_t checked{};
  const cublasStatus_t status = functions.cublasLtMatmulAlgoCheck(handle, plan.operation, plan.first, plan.second,
                                                                  plan.added, plan.result, &choice.algorithm, &checked);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_INVALID_VALUE)
    require(status, "cublasLtMatmulAlgoCheck");
  return status == CUBLAS_STATUS_SUCCESS && checked.state == CUBLAS_STATUS_SUCCESS &&
         checked.workspaceSize <= static_cast<size_t>(workspace_bytes);
}

Plan& CublasLt::Implementation::plan(const MatrixProduct& p, int64_t workspace_bytes) {
  const Key key = key_of(p, workspace_bytes);
  const auto known = plans.find(key);
  if (known != plans.end()) return *known->second;
  if (plans.size() >= kMostPlans) plans.clear();
  auto plan = describe(p);
  const MatrixProduct bucket = bucket_of(p);
  plan->choice = choice_for_bucket(bucket, workspace_bytes);
  const bool is_exact = bucket.rows == p.rows && bucket.inner == p.inner;
  if (!is_exact && !fits(plan->choice, *plan, workspace_bytes)) plan->choice = ask(p, workspace_bytes);
  return *plans.emplace(key, std::move(plan)).first->second;
}

CublasLt::CublasLt() : implementation_(std::make_unique<Implementation>()) {}
CublasLt::~CublasLt() = default;

bool CublasLt::multiply(const MatrixProduct& p, void* workspace, int64_t workspace_bytes, cudaStream_t stream,
                        std::string& refusal) {
  Implementation& i = *implementation_;
  const CublasLtFunctions& f = i.functions;
  Plan& plan = i.plan(p, workspace_bytes);
  if (!plan.choice.found) {
    refusal = plan.choice.refusal;
    return false;
  }
  if (p.bias)
    i.require(
        f.cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias),
        "cublasLtMatmulDescSetAttribute");
  const float one = 1, beta = p.c ? 1.0f : 0.0f;
  i.require(f.cublasLtMatmul(i.handle, plan.operation, &one, p.b, plan.first, p.a, plan.second, &beta, p.c ? p.c : p.d,
                             plan.added, p.d, plan.result, &plan.choice.algorithm, workspace,
                             static_cast<size_t>(workspace_bytes), stream),
            "cublasLtMatmul", stream);
  return true;
}

std::string CublasLt::version() const { return cublas_lt_library().version; }

int64_t CublasLt::heuristics_asked() const { return implementation_->heuristics_asked; }

}  // namespace cheems::cuda
