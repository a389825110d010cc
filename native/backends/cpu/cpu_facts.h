// What this CPU is, and which of the compiled kernels it runs.
#pragma once

#include <string>

#include "backends/backend.h"

namespace cheems::cpu {

// The best SIMD target that is both compiled in and supported here: the one that HWY_DYNAMIC_DISPATCH uses.
std::string simd_target();

// Whether that target's multiply-add rounds once.
bool fuses(const std::string& target);

// The processor's name from the text of /proc/cpuinfo; for an ARM processor, which has none there, its numbers.
std::string cpu_name_in(const std::string& cpuinfo);

DeviceFacts cpu_facts(DType precision);

}  // namespace cheems::cpu
