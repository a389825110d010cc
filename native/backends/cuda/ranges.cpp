#include "backends/cuda/ranges.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>

#include <atomic>
#include <cstdio>

namespace cheems::cuda {
namespace {

// NVTX looks for a profiler only at the process's first call: without one, names need not be built.
std::atomic<bool> is_unheard{false};

void push(const char* text) {
  if (nvtxRangePushA(text) == NVTX_NO_PUSH_POP_TRACKING) is_unheard.store(true, std::memory_order_relaxed);
}

}  // namespace

void push_range(const char* name, int64_t number) {
  if (is_unheard.load(std::memory_order_relaxed)) return;
  if (number < 0) return push(name);
  char text[64];
  std::snprintf(text, sizeof text, "%s %lld", name, static_cast<long long>(number));
  push(text);
}

void pop_range() {
  if (!is_unheard.load(std::memory_order_relaxed)) nvtxRangePop();
}

}  // namespace cheems::cuda

#else

namespace cheems::cuda {

void push_range(const char*, int64_t) {}
void pop_range() {}

}  // namespace cheems::cuda

#endif
