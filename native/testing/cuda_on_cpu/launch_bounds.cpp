#include "testing/cuda_on_cpu/launch_bounds.h"

#include <algorithm>

// The addresses where the padding of each function begins: a section that the compiler writes and whose ends the linker
// defines.
extern "C" {
extern const std::uintptr_t __start___patchable_function_entries[] __attribute__((weak, visibility("hidden")));
extern const std::uintptr_t __stop___patchable_function_entries[] __attribute__((weak, visibility("hidden")));
}

namespace cheems::cuda_on_cpu {

namespace {

#ifdef __aarch64__
constexpr std::uintptr_t kBytes = 4;
bool is_padding(std::uintptr_t at) { return *reinterpret_cast<const std::uint32_t*>(at) == 0xd503201fu; }
#else
constexpr std::uintptr_t kBytes = 1;
bool is_padding(std::uintptr_t at) { return *reinterpret_cast<const unsigned char*>(at) == 0x90; }
#endif

}  // namespace

LaunchBounds launch_bounds_of(const void* kernel) {
  const auto entry = reinterpret_cast<std::uintptr_t>(kernel);
  std::uintptr_t begin = 0;
  for (const std::uintptr_t* at = __start___patchable_function_entries; at != __stop___patchable_function_entries;
       ++at) {
    if (*at < entry) begin = std::max(begin, *at);
  }
  // The padding of another kernel ends at the entry of that kernel.
  if (begin == 0 || (entry - begin) / kBytes > static_cast<std::uintptr_t>(launch_bounds_code(kMostBoundThreads, 32)))
    return {};
  for (std::uintptr_t at = begin; at < entry; at += kBytes) {
    if (!is_padding(at)) return {};
  }
  return launch_bounds_of_code(static_cast<std::int64_t>((entry - begin) / kBytes));
}

}  // namespace cheems::cuda_on_cpu
