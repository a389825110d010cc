#include "testing/cuda_on_cpu/access.h"

#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/checks.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

void note_read_of(Thread&, const void*, std::size_t, const void*) {}
void note_write_of(Thread&, const void*, std::size_t, const void*) {}
void note_atomic_of(Thread&, const void*, std::size_t, const void*) {}
void note_read(const void*, std::size_t, const void*) {}
void note_write(const void*, std::size_t, const void*) {}
void memory_fence() {}

void checks_begin_launch(Machine&) {}
void checks_begin_block(Machine& machine) {
  std::memset(shared_memory_start(), 0xff, static_cast<std::size_t>(machine.launch->shared_bytes));
}
void checks_end_launch(Machine&) {}
void checks_end_thread(Machine& machine, Thread& thread) {
  if (!thread.copies.empty()) {
    machine.stop(sentence(thread_name(thread), " returns with ", thread.copies.size(),
                          " cp.async copies that it never waited for."));
  }
}

}  // namespace cheems::cuda_on_cpu
