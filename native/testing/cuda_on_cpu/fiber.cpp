#include "testing/cuda_on_cpu/fiber.h"

#include <cstdint>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if CHEEMS_OWN_STACK_SWITCH
// Saves the callee-saved registers on the old stack, and restores them from the new one.
extern "C" void cheems_switch_stacks(void** left, void* entered);
__asm__(
    ".text\n"
    ".p2align 4\n"
    ".type cheems_switch_stacks,@function\n"
    "cheems_switch_stacks:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size cheems_switch_stacks,.-cheems_switch_stacks\n");
#endif

namespace cheems::cuda_on_cpu {

namespace {

// The fiber that the current switch leaves.
thread_local Fiber* left = nullptr;

}  // namespace

void Fiber::prepare(void* stack, std::size_t bytes, void (*entry)()) {
  stack_ = stack;
  bytes_ = bytes;
  fake_stack_ = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack, bytes);
#endif
#if CHEEMS_OWN_STACK_SWITCH
  void** top = reinterpret_cast<void**>(static_cast<char*>(stack) + bytes);
  *--top = nullptr;                         // where entry would return to; keeps the stack aligned as after a call
  *--top = reinterpret_cast<void*>(entry);  // what the first switch returns to
  top -= 6;                                 // the six registers it takes
  std::memset(top, 0, 6 * sizeof(void*));
  stack_pointer_ = top;
#else
  getcontext(&context_);
  context_.uc_stack = {stack, 0, bytes};
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#endif
}

void Fiber::switch_to(Fiber& from, Fiber& to, [[maybe_unused]] bool ended) {
  left = &from;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ended ? nullptr : &from.fake_stack_, to.stack_, to.bytes_);
#endif
#if CHEEMS_OWN_STACK_SWITCH
  cheems_switch_stacks(&from.stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack_, &left->stack_, &left->bytes_);
#endif
}

void Fiber::entered() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &left->stack_, &left->bytes_);
#endif
}

}  // namespace cheems::cuda_on_cpu
