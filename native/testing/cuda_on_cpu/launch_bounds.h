// __launch_bounds__(threads, blocks) of a kernel, available at launch time. The compiler that replaces nvcc has no such
// attribute, but it can put a given number of padding bytes before a function: this number encodes the bounds.
#pragma once

#include <cstdint>

namespace cheems::cuda_on_cpu {

struct LaunchBounds {
  int threads = 0;  // 0: the kernel has none
  int blocks = 0;   // per multiprocessor; 0: not given
};

constexpr int kMostBoundThreads = 1024;

constexpr int launch_bounds_code(int threads, int blocks = 0) { return threads + (kMostBoundThreads + 1) * blocks; }
constexpr LaunchBounds launch_bounds_of_code(std::int64_t code) {
  return {static_cast<int>(code % (kMostBoundThreads + 1)), static_cast<int>(code / (kMostBoundThreads + 1))};
}

LaunchBounds launch_bounds_of(const void* kernel);

}  // namespace cheems::cuda_on_cpu

#ifdef __clang__  // does not accept such an attribute with template parameters
#define __launch_bounds__(...)
#else
#define __launch_bounds__(...)                                                                    \
  __attribute__((patchable_function_entry(::cheems::cuda_on_cpu::launch_bounds_code(__VA_ARGS__), \
                                          ::cheems::cuda_on_cpu::launch_bounds_code(__VA_ARGS__))))
#endif
