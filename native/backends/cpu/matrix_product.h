// C = [C +] op(A) op(B) [+ addend] on the CPU, B in any weight dtype; sums are float32.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/thread_pool.h"

namespace cheems::cpu {

// Shapes after transposition: A is [rows, depth], B [depth, columns], C [rows, columns]. Strides are in
// elements. The order of the sums: kBlockDepth and kChainDepth
// in matrix_tiles-inl.h; bfloat16_tiles-inl.h.
struct MatrixProduct {
  int64_t rows, columns, depth;
  const float* a;
  int64_t a_stride;
  bool a_transposed;  // false: A(i, k) = a[i * stride + k]; true: a[k * stride + i]
  const void* b;
  DType b_dtype;
  int64_t b_stride;
  bool b_transposed;  // false: B(k, j) = b[k * stride + j]; true: b[j * stride + k]
  float* c;
  int64_t c_stride;
  bool accumulate = false;        // c += instead of c =
  const float* addend = nullptr;  // added to the whole product: one row (a bias, stride 0) or a matrix other than c
  int64_t addend_stride = 0;
  // bfloat16: A and B are rounded to it on the way, their products are exact; where computes_bfloat16_products().
  DType arithmetic = DType::float32;
};

// Whether this processor multiplies pairs of bfloat16 numbers (AVX512_BF16), and kernels are compiled for it.
bool computes_bfloat16_products();

// Bytes of workspace that matrix_product needs for any shape with that many threads.
int64_t matrix_product_workspace(int threads);

// `workspace` must hold matrix_product_workspace() bytes, aligned to 64.
void matrix_product(const MatrixProduct& product, ThreadPool& pool, void* workspace);

}  // namespace cheems::cpu
