#include "backends/cpu/cpu_facts.h"

#include <doctest/doctest.h>

#include "testing/cpu.h"

namespace cheems {

TEST_CASE("cpu facts: the processor's name, or an ARM processor's numbers") {
  CHECK(cpu::cpu_name_in("processor\t: 0\nmodel name\t: AMD EPYC 9B14\n\nprocessor\t: 1\nmodel name\t: another\n") ==
        "AMD EPYC 9B14");
  CHECK(cpu::cpu_name_in("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n") ==
        "ARM, implementer 0x41, part 0xd4f");
  CHECK(cpu::cpu_name_in("") == "");
  CHECK(cpu::cpu_name_in("model name:\n: nothing\n") == "");
}

TEST_CASE("cpu facts: what the bits hang on is whether products are fused, and no name of a processor") {
  const DeviceFacts facts = testing::cpu_backend(1).facts();
  REQUIRE(facts.entries.size() == 2);
  CHECK(facts.entries[0].first == "name");
  CHECK(facts.entries[1].second == cpu::simd_target());
  CHECK(facts.arithmetic ==
        (cpu::fuses(cpu::simd_target()) ? "a CPU with fused multiply-add" : "a CPU without fused multiply-add"));
}

}  // namespace cheems
