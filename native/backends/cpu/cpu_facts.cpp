#include "backends/cpu/cpu_facts.h"

#include <hwy/targets.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>

#include "core/error.h"

namespace cheems::cpu {

std::string simd_target() {
  const int64_t usable = hwy::SupportedTargets() & (HWY_TARGETS);
  return hwy::TargetName(usable & -usable);  // better targets have lower bits
}

bool fuses(const std::string& target) {
  return target != "SCALAR" && target != "EMU128" && target != "SSE2" && target != "SSSE3" && target != "SSE4";
}

std::string cpu_name_in(const std::string& cpuinfo) {
  std::map<std::string, std::string> first;  // of the first processor
  std::istringstream lines(cpuinfo);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t:", colon) + 1);
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    first.emplace(key, value == std::string::npos ? "" : line.substr(value));
  }
  if (const std::string& name = first["model name"]; !name.empty()) return name;
  const std::string &implementer = first["CPU implementer"], &part = first["CPU part"];
  return implementer.empty() ? "" : sentence("ARM, implementer ", implementer, ", part ", part);
}

DeviceFacts cpu_facts(DType precision) {
  std::stringstream cpuinfo;
  cpuinfo << std::ifstream("/proc/cpuinfo").rdbuf();
  const std::string name = cpu_name_in(cpuinfo.str()), target = simd_target();
  DeviceFacts facts;
  facts.entries = {{"name", name.empty() ? "an unknown CPU" : name}, {"SIMD target", target}};
  facts.arithmetic = fuses(target) ? "a CPU with fused multiply-add" : "a CPU without fused multiply-add";
  // Which of a pair's products is added first, and whether that rounds, is the processor's own.
  if (precision == DType::bfloat16) facts.arithmetic = sentence(facts.entries[0].second, " with bfloat16 products");
  return facts;
}

}  // namespace cheems::cpu
