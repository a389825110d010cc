// A libcublasLt that can be loaded: it has all names, reports its version, and creates a handle or refuses to. Compiled
// once for each kind that cublas_library_test.cpp needs.
#include <cstddef>

extern "C" {

int cublasLtCreate(void** handle) {
  static int made;
  *handle = &made;
  return STAND_IN_CREATE_STATUS;
}
int cublasLtDestroy(void*) { return 0; }
size_t cublasLtGetVersion() { return STAND_IN_VERSION; }
const char* cublasLtGetStatusString(int) { return "CUBLAS_STATUS_NOT_INITIALIZED"; }

#define CHEEMS_NEVER_CALLED(name) \
  int name() { return 14; }
CHEEMS_NEVER_CALLED(cublasLtMatmulDescCreate)
CHEEMS_NEVER_CALLED(cublasLtMatmulDescDestroy)
CHEEMS_NEVER_CALLED(cublasLtMatmulDescSetAttribute)
CHEEMS_NEVER_CALLED(cublasLtMatrixLayoutCreate)
CHEEMS_NEVER_CALLED(cublasLtMatrixLayoutDestroy)
CHEEMS_NEVER_CALLED(cublasLtMatmulPreferenceCreate)
CHEEMS_NEVER_CALLED(cublasLtMatmulPreferenceDestroy)
CHEEMS_NEVER_CALLED(cublasLtMatmulPreferenceSetAttribute)
CHEEMS_NEVER_CALLED(cublasLtMatmulAlgoGetHeuristic)
CHEEMS_NEVER_CALLED(cublasLtMatmulAlgoCheck)
#ifndef STAND_IN_WITHOUT_MATMUL
CHEEMS_NEVER_CALLED(cublasLtMatmul)
#endif

}  // extern "C"
