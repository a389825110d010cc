// What this CPU is, and which of the compiled kernels it runs.
#pragma once

#include <string>

#include "backends/backend.h"

namespace cheems::cpu {

// The best SIMD target that is both compiled in and supported here: what HWY_DYNAMIC_DISPATCH takes.
std::string simd_target();

// Whether that target's multiply-add rounds once.
bool fuses(const std::string& target);

// The processor's name in the text of /proc/cpuinfo; of an ARM processor, which has none there, its numbers.
std::string cpu_name_in(const std::string& cpuinfo);

DeviceFacts cpu_facts();

}  // namespace cheems::cpu
