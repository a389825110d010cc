#include <cstring>

#include "backends/cpu/kernels.h"
#include "ops/rows/rows.h"

namespace cheems::cpu {

// A handful of rows per micro-batch: one thread is faster than waking the others.
void gather_rows(const GatherRows& a, Context&) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    std::memcpy(floats(a.y) + i * a.y.stride, floats(a.x) + a.rows[static_cast<size_t>(i)] * a.x.stride,
                static_cast<size_t>(a.y.columns) * sizeof(float));
  }
}

void scatter_rows(const ScatterRows& a, Context&) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    std::memcpy(floats(a.x) + a.rows[static_cast<size_t>(i)] * a.x.stride, floats(a.y) + i * a.y.stride,
                static_cast<size_t>(a.y.columns) * sizeof(float));
  }
}

void scatter_add_rows(const ScatterAddRows& a, Context&) {
  for (int64_t i = 0; i < a.y.rows; ++i) {
    float* x = floats(a.x) + a.rows[static_cast<size_t>(i)] * a.x.stride;
    const float* y = floats(a.y) + i * a.y.stride;
    for (int64_t c = 0; c < a.y.columns; ++c) x[c] += y[c];
  }
}

}  // namespace cheems::cpu
