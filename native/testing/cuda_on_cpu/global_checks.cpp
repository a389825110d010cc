// Tracks every two bytes of device memory: which block of the running launch wrote them, and which read them first.
// Nothing orders the blocks of a launch, so two of them must not access the same bytes unless both only read or both
// use atomics. One pattern does order them and is recognized: a block that writes, then calls __threadfence(), then
// uses an atomic has published its writes to every block whose own atomic comes later ("the last block finishes the
// sum").
//
// Accesses of single bytes are checked for bounds only.
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

namespace {

constexpr std::uint32_t kAtomic = 1u << 31;  // flag in addition to a block's number in Cell::writer

struct Cell {
  std::uint32_t writer;
  std::uint32_t first_reader;
};

// Blocks are numbered in the order in which they run, from the first launch on, so that cells need not be cleared.
Cell* cells = nullptr;
std::uint32_t block = 0, first_block_of_launch = 0;
bool fenced = false;          // the running block has called __threadfence
bool acquired = false;        // and has used an atomic
std::vector<bool> published;  // in that order, from the launch's first; as long as the last one that did

bool of_another_block(std::uint32_t number) { return number >= first_block_of_launch && number != block; }

bool is_published(std::uint32_t number) {
  const std::size_t index = number - first_block_of_launch;
  return acquired && index < published.size() && published[index];
}

std::string name_of_block(std::uint32_t number) {
  return block_name(machine().block_at(number - first_block_of_launch));
}

std::string what_and_where(const Thread& self, const AccessEvent& event, const Allocation& owner) {
  return sentence(thread_name(self), " ", access_name(event), " at byte ",
                  static_cast<std::int64_t>(event.address) - static_cast<std::int64_t>(owner.start),
                  " of device allocation ", owner.number, " (of ", owner.bytes, " bytes)", site_name(event.site));
}

[[gnu::cold]] void stop_for_address(Thread& self, const AccessEvent& event) {
  const Allocation* const owner = allocation_at(event.address);
  if (owner == nullptr) {
    machine().stop([&] {
      return sentence("illegal access: ", thread_name(self), " ", access_name(event),
                      " of device memory that was never allocated (0x", std::hex, event.address, ")",
                      site_name(event.site), ".");
    });
  }
  if (owner->device != machine().launch->device) {
    machine().stop([&] {
      return sentence("illegal access: ", what_and_where(self, event, *owner), ", which is memory of device ",
                      owner->device, ", by a kernel on device ", machine().launch->device, ".");
    });
  }
  if (!owner->live)
    machine().stop(
        [&] { return sentence("illegal access: ", what_and_where(self, event, *owner), ", which is freed."); });
  machine().stop([&] { return sentence("out of range: ", what_and_where(self, event, *owner), "."); });
}

[[gnu::cold]] void check_conflict(Thread& self, const AccessEvent& event, std::uint32_t other, const char* did) {
  if (is_published(other)) return;
  machine().stop([&] {
    return sentence("race between blocks: ", what_and_where(self, event, *allocation_at(event.address)), ", and ",
                    name_of_block(other), " of the same launch ", did, " the same bytes. Blocks run in any order.");
  });
}

}  // namespace

void check_global_access(Thread& self, const AccessEvent& event) {
  if (!in_live_allocation(event.address, event.bytes, machine().launch->device)) stop_for_address(self, event);
  if (event.kind == Access::atomic) {
    acquired = true;
    if (fenced) {
      const std::size_t index = block - first_block_of_launch;
      if (published.size() <= index) published.resize(index + 1);
      published[index] = true;
    }
  }
  if (!accesses_reported || event.bytes == 1) return;
  Cell* const first = cells + (event.address - device_stretch.start) / 2;
  for (Cell* cell = first; cell < first + event.bytes / 2; ++cell) {
    const std::uint32_t writer = cell->writer & ~kAtomic;
    const bool both_atomic = event.kind == Access::atomic && cell->writer & kAtomic;
    if (of_another_block(writer) && !both_atomic) {
      check_conflict(self, event, writer, cell->writer & kAtomic ? "changed atomically" : "wrote");
    }
    if (event.kind == Access::read) {
      if (cell->first_reader < first_block_of_launch) cell->first_reader = block;
      continue;
    }
    if (of_another_block(cell->first_reader)) check_conflict(self, event, cell->first_reader, "read");
    cell->writer = event.kind == Access::atomic ? block | kAtomic : block;
  }
}

void global_checks_begin_launch(Machine&) {
  if (cells == nullptr) cells = static_cast<Cell*>(reserve_address_space(device_stretch.bytes / 2 * sizeof(Cell)));
  if (block > 0x70000000u)
    fail("The emulated CUDA device has run two thousand million blocks, as many as it can tell apart in one process.");
  first_block_of_launch = block + 1;
  published.clear();
}

void global_checks_begin_block() {
  ++block;
  fenced = acquired = false;
}

void global_checks_fence() { fenced = true; }

}  // namespace cheems::cuda_on_cpu
