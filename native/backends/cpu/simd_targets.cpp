// Highway's dispatch at run time, for the targets that this engine compiles (CMakeLists.txt): which of them the CPU
// supports.
//
// These are the few functions of Highway's library that its headers call. Because they are defined here, the engine
// needs only the headers: Debian has the library only as a shared object, and an addon for other machines must not
// depend on one.
#include <hwy/highway.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#if HWY_ARCH_X86
#include <cpuid.h>
#endif

namespace hwy {
namespace {

std::atomic<int64_t> targets_of_a_test{0};
std::atomic<int64_t> disabled_targets{0};

#if HWY_ARCH_X86
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf) {
  Registers r;
  __get_cpuid(leaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// __builtin_cpu_supports also asks whether the operating system saves the registers. Older compilers' builtin has no
// name for the two features of the second line.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && (cpuid(1).ecx & bit_F16C) != 0 && (cpuid(0x80000001).ecx & bit_ABM) != 0;
}

bool has_avx3() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
}
#endif

// Without a baseline from the compiler (-march=native) the baseline is what every CPU of the architecture has.
int64_t detected_targets() {
  int64_t targets = HWY_ENABLED_BASELINE | HWY_EMU128 | HWY_SCALAR;
#if HWY_ARCH_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2") &&
      __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul")) {
    targets |= HWY_SSE4;
    if (has_avx2()) {
      targets |= HWY_AVX2;
      if (has_avx3()) targets |= HWY_AVX3;
    }
  }
#endif
  return targets;
}

}  // namespace

int64_t SupportedTargets() {
  static const int64_t detected = detected_targets();
  const int64_t of_a_test = targets_of_a_test.load();
  const int64_t targets = (of_a_test != 0 ? of_a_test : detected) & ~disabled_targets.load();
  return targets != 0 ? targets : HWY_STATIC_TARGET;
}

void DisableTargets(int64_t targets) {
  disabled_targets.store(targets);
  GetChosenTarget().DeInit();  // the next call chooses again
}

void SetSupportedTargetsForTest(int64_t targets) {
  targets_of_a_test.store(targets);
  GetChosenTarget().DeInit();
}

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

// For Highway's own assertions, which exist only in builds with sanitizers.
HWY_NORETURN void Abort(const char* file, int line, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "%s:%d: ", file, line);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  va_end(arguments);
  std::abort();
}

}  // namespace hwy
