// A backend of plain loops: every operation as in its contract, one number after another, with sums in `Accumulate` in
// their natural order. Results are stored in the tensors' own dtypes, rounded once, to nearest even. Nothing is fused,
// blocked or optimized, so that each operation (ops/FOLDER/plain.cpp) can be compared with its contract.
//
// With Accumulate = float it is the baseline of the tolerance rule: the same mathematics in plain code, in float32 or
// in bfloat16 with float32 sums. With double, on float32 storage, it is the exact result against which errors are
// measured.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace cheems::testing {

// Accumulate is float or double. Uses host memory, no workspace, and one thread.
template <class Accumulate>
std::unique_ptr<Backend> create_plain_backend();

// One instance for the whole test program.
template <class Accumulate>
Backend& plain_backend() {
  static const std::unique_ptr<Backend> backend = create_plain_backend<Accumulate>();
  return *backend;
}

}  // namespace cheems::testing
