#include "backends/cuda/cublas_lt.h"

#include <cublasLt.h>

#include <array>
#include <map>
#include <vector>

#include "backends/cuda/cublas_library.h"
#include "core/error.h"

namespace cheems::cuda {

namespace {

cudaDataType_t data_type(DType dtype) { return dtype == DType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F; }

// The largest power of two up to 16 that divides the address: no algorithm asks for more.
uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  uint32_t alignment = 1;
  while (alignment < 16 && bits % (2 * alignment) == 0) alignment *= 2;
  return alignment;
}

// Micro-batches of ever new lengths bring ever new shapes.
constexpr size_t kMostPlans = 4096;

// A product's descriptors and the algorithm chosen for it.
struct Plan {
  const CublasLtFunctions& functions;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t first = nullptr, second = nullptr, added = nullptr, result = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  bool found = false;
  cublasLtMatmulAlgo_t algorithm{};

  explicit Plan(const CublasLtFunctions& f) : functions(f) {}
  Plan(const Plan&) = delete;
  ~Plan() {
    if (preference) functions.cublasLtMatmulPreferenceDestroy(preference);
    for (auto layout : {first, second, added, result}) {
      if (layout) functions.cublasLtMatrixLayoutDestroy(layout);
    }
    if (operation) functions.cublasLtMatmulDescDestroy(operation);
  }
};

// All that an algorithm is chosen by.
using Key = std::array<int64_t, 12>;

Key key_of(const MatrixProduct& p, int64_t workspace_bytes) {
  const int64_t flags = (p.a_transposed ? 1 : 0) | (p.b_transposed ? 2 : 0) | (p.c ? 4 : 0) | (p.bias ? 8 : 0) | (p.c == p.d ? 16 : 0);
  return {p.rows, p.columns, p.inner, p.a_stride, p.b_stride, p.d_stride, p.c ? p.c_stride : 0, static_cast<int64_t>(p.operands) * 8 + static_cast<int64_t>(p.result), flags,
          alignment_of(p.a) * 32 + alignment_of(p.b), alignment_of(p.c) * 32 + alignment_of(p.d), workspace_bytes};
}

}  // namespace

struct CublasLt::Implementation {
  const CublasLtFunctions& functions = cublas_lt_library().functions;
  cublasLtHandle_t handle = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans;
  int64_t heuristics_asked = 0;

  Implementation() { require(functions.cublasLtCreate(&handle), "cublasLtCreate"); }
  ~Implementation() {
    plans.clear();
    if (handle) functions.cublasLtDestroy(handle);
  }
  void require(cublasStatus_t status, const char* call) const;
  Plan& plan(const MatrixProduct& p, int64_t workspace_bytes);
  std::unique_ptr<Plan> make_plan(const MatrixProduct& p, int64_t workspace_bytes);
};

void CublasLt::Implementation::require(cublasStatus_t status, const char* call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail("cuBLASLt: ", call, " failed: ", functions.cublasLtGetStatusString(status), " (", static_cast<int>(status), ").",
       status == CUBLAS_STATUS_EXECUTION_FAILED ? " Either this product or an earlier kernel failed on the GPU; restart this process before using the GPU again." : "");
}

std::unique_ptr<Plan> CublasLt::Implementation::make_plan(const MatrixProduct& p, int64_t workspace_bytes) {
  const auto& f = functions;
  auto plan = std::make_unique<Plan>(f);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    require(f.cublasLtMatmulDescSetAttribute(plan->operation, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
  };
  // CUBLAS_COMPUTE_32F is float32 throughout: TF32 would have to be asked for.
  require(f.cublasLtMatmulDescCreate(&plan->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  const cublasOperation_t op_b = p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N, op_a = p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(CUBLASLT_MATMUL_DESC_TRANSA, op_b);
  set(CUBLASLT_MATMUL_DESC_TRANSB, op_a);
  if (p.bias) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  }
  const auto layout = [&](cublasLtMatrixLayout_t& made, DType dtype, int64_t rows, int64_t columns, int64_t stride) {
    require(f.cublasLtMatrixLayoutCreate(&made, data_type(dtype), static_cast<uint64_t>(columns), static_cast<uint64_t>(rows), stride), "cublasLtMatrixLayoutCreate");
  };
  layout(plan->first, p.operands, p.b_transposed ? p.columns : p.inner, p.b_transposed ? p.inner : p.columns, p.b_stride);
  layout(plan->second, p.operands, p.a_transposed ? p.inner : p.rows, p.a_transposed ? p.rows : p.inner, p.a_stride);
  layout(plan->added, p.result, p.rows, p.columns, p.c ? p.c_stride : p.d_stride);
  layout(plan->result, p.result, p.rows, p.columns, p.d_stride);

  require(f.cublasLtMatmulPreferenceCreate(&plan->preference), "cublasLtMatmulPreferenceCreate");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    require(f.cublasLtMatmulPreferenceSetAttribute(plan->preference, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute");
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
  const cublasStatus_t status = f.cublasLtMatmulAlgoGetHeuristic(handle, plan->operation, plan->first, plan->second, plan->added, plan->result, plan->preference, 1, &best, &count);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_INVALID_VALUE) require(status, "cublasLtMatmulAlgoGetHeuristic");
  plan->found = status == CUBLAS_STATUS_SUCCESS && count > 0 && best.state == CUBLAS_STATUS_SUCCESS;
  plan->algorithm = best.algo;
  return plan;
}

Plan& CublasLt::Implementation::plan(const MatrixProduct& p, int64_t workspace_bytes) {
  const Key key = key_of(p, workspace_bytes);
  const auto known = plans.find(key);
  if (known != plans.end()) return *known->second;
  if (plans.size() >= kMostPlans) plans.clear();
  return *plans.emplace(key, make_plan(p, workspace_bytes)).first->second;
}

CublasLt::CublasLt() : implementation_(std::make_unique<Implementation>()) {}
CublasLt::~CublasLt() = default;

bool CublasLt::multiply(const MatrixProduct& p, void* workspace, int64_t workspace_bytes, cudaStream_t stream) {
  Implementation& i = *implementation_;
  const CublasLtFunctions& f = i.functions;
  Plan& plan = i.plan(p, workspace_bytes);
  if (!plan.found) return false;
  if (p.bias) i.require(f.cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias), "cublasLtMatmulDescSetAttribute");
  const float one = 1, beta = p.c ? 1.0f : 0.0f;
  i.require(f.cublasLtMatmul(i.handle, plan.operation, &one, p.b, plan.first, p.a, plan.second, &beta, p.c ? p.c : p.d, plan.added, p.d, plan.result, &plan.algorithm, workspace,
                             static_cast<size_t>(workspace_bytes), stream),
            "cublasLtMatmul");
  return true;
}

std::string CublasLt::version() const { return cublas_lt_library().version; }

int64_t CublasLt::heuristics_asked() const { return implementation_->heuristics_asked; }

}  // namespace cheems::cuda
