// Matrix products by cuBLASLt, which is opened at run time: the plug-in loads on machines that have no cuBLAS.
//
// Rows here, columns there: cuBLAS counts a matrix column by column, so that our row-major X [rows, columns] with rows
// `stride` apart is its X^T [columns, rows] with leading dimension `stride`. A row-major D = op(A) op(B) is therefore
// asked for as D^T = op(B)^T op(A)^T: operands swapped, each with the transposition that it had.
//
// Deterministic: only algorithms without a split sum, or that add the parts of one in a fixed order in the workspace,
// are allowed. Which algorithm is taken is cuBLASLt's heuristic for (shapes, strides, dtypes, alignment, epilogue),
// asked once and kept; never a timing. Micro-batches of ever new lengths ask for few: the heuristic is asked for a
// count of tokens rounded up to a bucket, and what it chose is used for every count of that bucket for which cuBLASLt's
// own check takes it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/dtype.h"

namespace cheems::cuda {

// D [rows, columns] = op(A) op(B) + beta * C + bias, row-major. A is [rows, inner], or [inner, rows] where transposed;
// B is [inner, columns], or [columns, inner] where transposed. A and B are of `operands`, C and D of `result`.
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
  const void* c = nullptr;  // added where given; may be d
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

  // Puts the product on the stream. False, nothing done, and in `refusal` the part of a sentence after "because", where
  // cuBLASLt has no algorithm for it. Throws Error where it takes the product for wrong.
  bool multiply(const MatrixProduct& product, void* workspace, int64_t workspace_bytes, cudaStream_t stream,
                std::string& refusal);

  std::string version() const;       // "13.1.1"
  int64_t heuristics_asked() const;  // questions put to the heuristic so far

 private:
  struct Implementation;  // keeps cublasLt.h, which not every toolkit has, out of the kernels' sources
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace cheems::cuda
