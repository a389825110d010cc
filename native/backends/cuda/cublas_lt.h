// Matrix products by cuBLASLt, which is opened at run time: the plug-in also loads on machines without cuBLAS.
//
// Row-major and column-major: for cuBLAS, which is column-major, our row-major X [rows, columns] with row stride
// `stride` is X^T [columns, rows] with leading dimension `stride`. A row-major D = op(A) op(B) is therefore computed as
// D^T = op(B)^T op(A)^T: operands swapped, each with its own transposition.
//
// Deterministic: the only allowed algorithms have no split sum, or add its parts in a fixed order in the workspace.
// cuBLASLt's heuristic chooses the algorithm for (shapes, strides, dtypes, alignment, epilogue). It is asked once and
// its choice is kept; timings are never used. To ask rarely for micro-batches of always new lengths, the number of
// tokens is rounded up to a bucket, and the choice serves every number of that bucket that cuBLASLt's own check
// accepts.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/dtype.h"

namespace cheems::cuda {

// D [rows, columns] = op(A) op(B) + beta * C + bias, row-major. A is [rows, inner], or [inner, rows] if transposed; B
// is [inner, columns], or [columns, inner] if transposed. A and B have dtype `operands`, C and D `result`.
struct MatrixProduct {
  int64_t rows, columns, inner;
  const void* a;
  int64_t a_stride;
  bool a_transposed;
  const void* b;
  int64_t b_stride;
  bool b_transposed;
  void* d;
  int64_t d_stride;
  DType operands, result;
  const void* c = nullptr;  // added if not null; may be d
  int64_t c_stride = 0;
  const void* bias = nullptr;  // [columns] of `result`, added to every row; or null
};

class CublasLt {
 public:
  // Opens the library. Throws Error where none is found, saying which names and folders were tried.
  CublasLt();
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // Queues the product on the stream. If cuBLASLt has no algorithm for it, returns false, does nothing, and writes the
  // part of a sentence after "because" to `refusal`. Throws Error if cuBLASLt rejects the product as invalid.
  bool multiply(const MatrixProduct& product, void* workspace, int64_t workspace_bytes, cudaStream_t stream,
                std::string& refusal);

  std::string version() const;       // "13.1.1"
  int64_t heuristics_asked() const;  // calls of the heuristic so far

 private:
  struct Implementation;  // keeps cublasLt.h, which not every toolkit has, out of the kernels' sources
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace cheems::cuda
