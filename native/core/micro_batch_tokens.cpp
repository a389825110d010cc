#include "core/micro_batch_tokens.h"

#include <algorithm>

namespace cheems {
namespace {

constexpr int64_t kStep = 1024;

}  // namespace

int64_t choose_micro_batch_tokens(const MicroBatchBounds& bounds, const std::function<int64_t(int64_t tokens)>& bytes) {
  if (bounds.useful <= 0 || bounds.memory < 0) return bounds.usual;
  const int64_t wanted = bounds.most > 0 ? std::min(bounds.useful, bounds.most) : bounds.useful;
  int64_t fitting = 1, beyond = std::max<int64_t>(1, (wanted + kStep - 1) / kStep) + 1;  // in steps
  while (beyond - fitting > 1) {
    const int64_t middle = (fitting + beyond) / 2;
    (bytes(middle * kStep) <= bounds.memory ? fitting : beyond) = middle;
  }
  return fitting * kStep;
}

}  // namespace cheems
