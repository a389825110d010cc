// NVIDIA's cuBLASLt, found at run time by the plug-in: nothing of it is linked.
#pragma once

#include <cublasLt.h>

#include <string>
#include <vector>

namespace cheems::cuda {

#define CHEEMS_CUBLAS_LT_FUNCTIONS(apply)                                                                            \
  apply(cublasLtCreate) apply(cublasLtDestroy) apply(cublasLtGetVersion) apply(cublasLtGetStatusString)              \
      apply(cublasLtMatmul) apply(cublasLtMatmulDescCreate) apply(cublasLtMatmulDescDestroy)                         \
          apply(cublasLtMatmulDescSetAttribute) apply(cublasLtMatrixLayoutCreate) apply(cublasLtMatrixLayoutDestroy) \
              apply(cublasLtMatmulPreferenceCreate) apply(cublasLtMatmulPreferenceDestroy)                           \
                  apply(cublasLtMatmulPreferenceSetAttribute) apply(cublasLtMatmulAlgoGetHeuristic)                  \
                      apply(cublasLtMatmulAlgoCheck)

// The functions of libcublasLt that are called, typed from its header. Versions 12 and 13 both have them.
struct CublasLtFunctions {
#define CHEEMS_DECLARE(function) decltype(&::function) function = nullptr;
  CHEEMS_CUBLAS_LT_FUNCTIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

struct CublasLtLibrary {
  CublasLtFunctions functions;
  std::string file;     // its path
  std::string version;  // "13.1.0"
};

// What the search depends on.
struct CublasLtSearch {
  int driver_version = 0;     // from cudaDriverGetVersion: 12080 for CUDA 12.8; 0 without a driver
  std::string given;          // CHEEMS_CUBLASLT_PATH: a file or a folder; if set, nothing else is tried
  std::string plugin_folder;  // the folder of this plug-in
  std::vector<std::string> python_environments;  // VIRTUAL_ENV, CONDA_PREFIX
  std::vector<std::string> toolkits;  // CUDA_PATH, CUDA_HOME, /usr/local/cuda, the one that this was compiled with
  static CublasLtSearch of_this_process();
};

// Paths, and names that the dynamic loader looks up, in the order in which they are tried: all places for the version
// that the driver can run, then all for the other version.
std::vector<std::string> cublas_lt_candidates(const CublasLtSearch& search);

// The first of `candidates` that loads, has all functions and, with `creates`, creates a handle on the current device.
// Throws Error with every reason if none does.
CublasLtLibrary open_cublas_lt(const std::vector<std::string>& candidates, bool creates);

// The library for matrix products: opened once per process, tested by creating a handle. The next caller repeats a
// failed attempt.
const CublasLtLibrary& cublas_lt_library();

// What cublas_lt_library() would use, found without touching a device. Throws Error if there is none.
CublasLtLibrary find_cublas_lt();

}  // namespace cheems::cuda
