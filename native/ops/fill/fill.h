// What only a device needs: numbers generated and converted on the device, without a copy on the host. Not part of
// Operations: for the CUDA backend and its benchmarks (random weights of a 7B model in a second).
#pragma once

#include <cstdint>

#include "backends/cuda/context.h"
#include "core/dtype.h"

namespace cheems::cuda {

// destination[i] = source[i], rounded to nearest even where it narrows. float32 and bfloat16, also to the same dtype;
// the two do not overlap. Floor: the bytes read and written.
void cast(void* destination, DType to, const void* source, DType from, int64_t count, Context&);

// destination[i] = scale * normal(seed, stream, i): standard normal numbers by counter, the same for any grid
// (ops/fill/normal.h). float32, or bfloat16 rounded to nearest even. Floor: the bytes written; about 60 operations per
// number.
void fill_normal(void* destination, DType, int64_t count, float scale, uint64_t seed, uint64_t stream, Context&);

}  // namespace cheems::cuda
