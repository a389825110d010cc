// A fiber: a stack of its own on which a function runs until it switches to another fiber. Each CUDA thread is one.
//
// On x86-64 the switch is written in assembly (a few nanoseconds). Elsewhere, or with CHEEMS_UCONTEXT_FIBERS, it uses
// ucontext, which makes a system call. AddressSanitizer is told about every switch.
#pragma once

#include <cstddef>

#if defined(__x86_64__) && !defined(CHEEMS_UCONTEXT_FIBERS)
#define CHEEMS_OWN_STACK_SWITCH 1
#else
#define CHEEMS_OWN_STACK_SWITCH 0
#include <ucontext.h>
#endif

namespace cheems::cuda_on_cpu {

class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the fiber ready to run `entry` from its beginning on the given stack, whatever it did before. `entry` must
  // never return: at its end it calls switch_to with `ended` set.
  void prepare(void* stack, std::size_t bytes, void (*entry)());

  // Suspends `from`, the calling fiber, and continues `to`. The call returns when another fiber switches back to
  // `from`.
  static void switch_to(Fiber& from, Fiber& to, bool ended = false);

  // Must be the first call of every entry function.
  static void entered();

 private:
#if CHEEMS_OWN_STACK_SWITCH
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
  const void* stack_ = nullptr;  // null for the host's fiber until the sanitizer has reported it
  std::size_t bytes_ = 0;
  void* fake_stack_ = nullptr;
};

}  // namespace cheems::cuda_on_cpu
