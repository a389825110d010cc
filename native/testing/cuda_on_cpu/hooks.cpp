// The functions that g++ -fsanitize=thread calls before every memory access. Kernels are compiled with that option, but
// linked without ThreadSanitizer: these functions replace it. This file itself must not be instrumented.
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

namespace {

[[noreturn, gnu::cold]] void host_code_touches_device_memory(const void* site) {
  fail("Host code reads or writes device memory directly", site_name(site),
       ", which is a segmentation fault on a machine with a GPU. Copy with cudaMemcpyAsync.");
}

inline void access(void* address, std::size_t bytes, Access kind, const void* site) {
  Thread* const thread = current;
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (thread == nullptr) {  // the host's side of a kernel's file is instrumented too
    if (device_stretch.contains(at)) host_code_touches_device_memory(site);
    return;
  }
  if (at - thread->stack_low < kStackBytes) return;
  check_access(*thread, {at, bytes, kind, site});
}

// An access that may be unaligned, as the compiler knows: checked byte by byte unless the address happens to be
// aligned.
inline void unaligned_access(void* address, std::size_t bytes, Access kind, const void* site) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (at % bytes == 0) return access(address, bytes, kind, site);
  for (std::size_t i = 0; i < bytes; ++i) access(static_cast<char*>(address) + i, 1, kind, site);
}

// A whole struct that is copied, checked as a sequence of aligned words.
inline void range_access(void* address, std::size_t bytes, Access kind, const void* site) {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  while (bytes > 0) {
    std::size_t word = 16;
    while (word > bytes || at % word != 0) word /= 2;
    access(reinterpret_cast<void*>(at), word, kind, site);
    at += word;
    bytes -= word;
  }
}

}  // namespace

}  // namespace cheems::cuda_on_cpu

using cheems::cuda_on_cpu::Access;

#define CHEEMS_HOOKS(bytes)                                                                            \
  void __tsan_read##bytes(void* address) {                                                             \
    cheems::cuda_on_cpu::access(address, bytes, Access::read, __builtin_return_address(0));            \
  }                                                                                                    \
  void __tsan_write##bytes(void* address) {                                                            \
    cheems::cuda_on_cpu::access(address, bytes, Access::write, __builtin_return_address(0));           \
  }                                                                                                    \
  void __tsan_volatile_read##bytes(void* address) {                                                    \
    cheems::cuda_on_cpu::access(address, bytes, Access::read, __builtin_return_address(0));            \
  }                                                                                                    \
  void __tsan_volatile_write##bytes(void* address) {                                                   \
    cheems::cuda_on_cpu::access(address, bytes, Access::write, __builtin_return_address(0));           \
  }                                                                                                    \
  void __tsan_unaligned_read##bytes(void* address) {                                                   \
    cheems::cuda_on_cpu::unaligned_access(address, bytes, Access::read, __builtin_return_address(0));  \
  }                                                                                                    \
  void __tsan_unaligned_write##bytes(void* address) {                                                  \
    cheems::cuda_on_cpu::unaligned_access(address, bytes, Access::write, __builtin_return_address(0)); \
  }

extern "C" {

CHEEMS_HOOKS(1)
CHEEMS_HOOKS(2)
CHEEMS_HOOKS(4)
CHEEMS_HOOKS(8)
CHEEMS_HOOKS(16)

void __tsan_read_range(void* address, std::size_t bytes) {
  cheems::cuda_on_cpu::range_access(address, bytes, Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  cheems::cuda_on_cpu::range_access(address, bytes, Access::write, __builtin_return_address(0));
}

void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

// Every instrumented file calls this at program start.
void __tsan_init() { cheems::cuda_on_cpu::accesses_reported = true; }
}
