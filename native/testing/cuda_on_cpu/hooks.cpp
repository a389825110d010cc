#include <cstddef>
extern "C" {
#define HOOKS(n) void __tsan_read##n(void*) {} void __tsan_write##n(void*) {} void __tsan_unaligned_read##n(void*) {} void __tsan_unaligned_write##n(void*) {}
HOOKS(1) HOOKS(2) HOOKS(4) HOOKS(8) HOOKS(16)
void __tsan_read_range(void*, std::size_t) {} void __tsan_write_range(void*, std::size_t) {}
void __tsan_vptr_update(void*, void*) {} void __tsan_vptr_read(void*) {} void __tsan_func_entry(void*) {} void __tsan_func_exit() {} void __tsan_init() {}
}
