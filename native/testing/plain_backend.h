// A backend of plain loops: every operation as its contract writes it, one number after another, sums in `Accumulate`
// in their natural order, stored in the tensors' own dtypes, rounded once, to nearest even. Nothing is fused, blocked
// or clever, so that each operation (testing/plain/NAME.h) can be read against its contract.
//
// With Accumulate = float it is the yardstick of the tolerance rule: "the same mathematics done in plain code", in
// float32 or in bfloat16 with float32 sums. With double, on float32 storage, it is the truth that errors are measured
// from.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace cheems::testing {

// Accumulate is float or double. Memory is the host's; no workspace is needed; one thread.
template <class Accumulate>
std::unique_ptr<Backend> create_plain_backend();

// One for the whole test program.
template <class Accumulate>
Backend& plain_backend() {
  static const std::unique_ptr<Backend> backend = create_plain_backend<Accumulate>();
  return *backend;
}

}  // namespace cheems::testing
