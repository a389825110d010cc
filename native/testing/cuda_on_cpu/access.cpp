#include "testing/cuda_on_cpu/access.h"

#include <link.h>

#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/checks.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/traffic_counters.h"

namespace cheems::cuda_on_cpu {

namespace {

// Whether the address is in an object of the program itself: a constant or a static variable.
bool in_program(std::uintptr_t address) {
  static thread_local Stretch last;  // one lookup per segment
  if (last.contains(address)) return true;
  struct Search {
    std::uintptr_t address;
    Stretch found;
  } search{address, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          const Stretch stretch{object->dlpi_addr + segment.p_vaddr, segment.p_memsz};
          if (segment.p_type != PT_LOAD || !stretch.contains(wanted.address)) continue;
          wanted.found = stretch;
          return 1;
        }
        return 0;
      },
      &search);
  if (search.found.bytes == 0) return false;
  last = search.found;
  return true;
}

void check_elsewhere(Thread& thread, const AccessEvent& event) {
  const Launch& launch = *machine().launch;
  const Stretch parameters{reinterpret_cast<std::uintptr_t>(launch.arguments), launch.arguments_bytes};
  const bool reads = event.kind == Access::read;
  if (reads && (parameters.contains(event.address) || in_program(event.address))) return;
  const char* what = "memory of the host";
  if (event.address < 65536) what = "address zero or little above, as behind a null pointer,";
  else if (in_program(event.address)) what = "a variable of the host";
  for (int number = 0; number < machine().thread_count; ++number) {
    if (event.address - machine().threads[number].stack_low < kStackBytes) what = "the stack of another thread";
  }
  machine().stop([&] {
    return sentence("illegal access: ", thread_name(thread), " ", access_name(event), " of ", what, " (0x", std::hex,
                    event.address, ")", site_name(event.site), ".");
  });
}

}  // namespace

bool accesses_reported = false;

void check_access(Thread& thread, const AccessEvent& event) {
  const bool one_instruction = event.bytes <= 16 && (event.bytes & (event.bytes - 1)) == 0;
  if (one_instruction && (event.address & (event.bytes - 1)) != 0) {
    machine().stop([&] {
      return sentence("misaligned access: ", thread_name(thread), " ", access_name(event), " at 0x", std::hex,
                      event.address, std::dec, ", which is not a multiple of ", event.bytes, site_name(event.site),
                      ".");
    });
  }
  if (shared_stretch.contains(event.address)) {
    check_shared_access(thread, event);
    if (traffic_counted) count_shared_access(thread, event);
  } else if (device_stretch.contains(event.address)) {
    check_global_access(thread, event);
    if (traffic_counted) count_global_access(thread, event);
  } else {
    check_elsewhere(thread, event);
  }
}

std::string access_name(const AccessEvent& event) {
  const char* const verb = event.kind == Access::read    ? "reads "
                           : event.kind == Access::write ? "writes "
                                                         : "changes atomically ";
  return sentence(verb, event.bytes, event.bytes == 1 ? " byte" : " bytes");
}

void note_read(const void* address, std::size_t bytes, const void* site) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (Thread* const thread = current; thread != nullptr && at - thread->stack_low >= kStackBytes) {
    check_access(*thread, {at, bytes, Access::read, site});
  }
}

void note_write(const void* address, std::size_t bytes, const void* site) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (Thread* const thread = current; thread != nullptr && at - thread->stack_low >= kStackBytes) {
    check_access(*thread, {at, bytes, Access::write, site});
  }
}

void memory_fence() { global_checks_fence(); }

// --- what the machine reports: see checks.h

void checks_begin_launch(Machine& machine) {
  shared_checks_begin_launch(machine);
  global_checks_begin_launch(machine);
  if (traffic_counted) traffic_begin_launch(machine);
}

void checks_begin_block(Machine& machine) {
  shared_checks_begin_block(machine);
  global_checks_begin_block();
}

void checks_end_launch(Machine&) {
  if (traffic_counted) traffic_end_launch();
}

void checks_end_thread(Machine& machine, Thread& thread) {
  if (!thread.copies.empty()) {
    machine.stop([&] {
      return sentence(thread_name(thread), " returns from the kernel with ", thread.copies.size(),
                      thread.copies.size() == 1 ? " cp.async copy" : " cp.async copies",
                      " it never waited for; the first was issued", site_name(thread.copies.front().site), ".");
    });
  }
  if (traffic_counted && machine.live == 1) traffic_end_block();
}

}  // namespace cheems::cuda_on_cpu
