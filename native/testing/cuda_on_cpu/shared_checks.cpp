// Tracks every two bytes of shared memory, and finds races and uninitialized reads.
//
// Two accesses, at least one of them a write, race unless there is a barrier between them (their epochs differ), or
// they are made by the same thread, or by lanes of one warp that a __syncwarp orders. Shuffles, votes, ldmatrix and mma
// do not order accesses.
//
// Accesses of single bytes are checked for bounds and initialization only.
//
// Most accesses have four bytes or more. Four bytes that were always accessed together are tracked in one cell, the
// first of their two. The first access to one half splits the two cells, and a write to both joins them again.
#include <bit>
#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/checks.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

namespace {

// The lanes of one warp that read the cell in one epoch and are not ordered among each other.
struct Readers {
  std::uint32_t epoch;
  std::uint32_t lanes;
  std::uint32_t clock;  // the lowest of their clocks
  std::uint32_t site;   // of the last
  std::uint32_t warp;
};

enum CellFlag : std::uint16_t {
  written_low = 1,
  written_high = 2,
  written_both = 3,
  by_atomic = 4,
  by_async = 8,
  async_under_way = 16,
  apart = 32
};

// All zero: never accessed. Accesses of earlier blocks are recognized by their epoch, so cells need not be cleared.
struct SharedCell {
  std::uint32_t write_epoch;
  std::uint32_t write_clock;
  std::uint32_t write_site;
  std::uint16_t writer;
  std::uint16_t flags;  // `apart` in the first cell of four bytes: the second is its own
  Readers readers[2];   // of two warps: enough to find that any writer races with some reader
};

SharedCell* shared_cells = nullptr;
std::uint32_t epoch = 0;        // counted from the first launch on, by one at every barrier and every new block
std::uint32_t block_epoch = 0;  // the block's first
std::int64_t poisoned_from = 0;

// A warp's time is counted in __syncwarps. A lane's clock is the number of its last one. For each other lane, it knows
// the number of the last __syncwarp of that lane that is ordered before its own. Clocks are never reset within a
// launch.
struct WarpClocks {
  std::uint32_t ticks;
  std::uint32_t whole;  // the last __syncwarp of all lanes
  std::uint32_t now[kWarpLanes];
  std::uint32_t known[kWarpLanes][kWarpLanes];  // [by lane][of lane]
};
WarpClocks clocks[kMaxWarps];

std::uint32_t clock_of(const Thread& thread) {
  const WarpClocks& warp = clocks[thread.warp];
  return std::max(warp.now[thread.lane], warp.whole);
}

// Whether an access of another lane of the warp at `clock` is ordered before what `self` does now.
bool knows(const Thread& self, int lane, std::uint32_t clock) {
  const WarpClocks& warp = clocks[self.warp];
  return std::max(warp.known[self.lane][lane], warp.whole) > clock;
}

SharedCell& half(std::size_t number) {
  SharedCell& first = shared_cells[number & ~std::size_t{1}];
  if ((first.flags & apart) == 0) {
    (&first)[1] = first;
    first.flags |= apart;
  }
  return shared_cells[number];
}

// Calls action(cell, number) for `count` cells from number `first` on. After a write all of them are equal.
template <typename Action>
void for_cells(std::size_t first, std::size_t count, bool writes, const Action& action) {
  const std::size_t end = first + count;
  for (std::size_t i = first; i < end; ++i) {
    if (i % 2 != 0 || i + 1 == end) {
      action(half(i), i);
      continue;
    }
    SharedCell& cell = shared_cells[i];
    action(cell, i);
    ++i;
    if ((cell.flags & apart) == 0) continue;
    action(shared_cells[i], i);
    const bool read_since = cell.readers[0].epoch == epoch || shared_cells[i].readers[0].epoch == epoch;
    if (writes && !read_since) cell.flags &= static_cast<std::uint16_t>(~apart);
  }
}

std::uint32_t shortened(const void* site) { return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(site)); }

// Restores the full address of a race's other site: it is within 2 GiB of `near`, because both are in one kernel.
const void* lengthened(std::uint32_t site, const void* near) {
  if (site == 0 || near == nullptr) return nullptr;
  const auto base = reinterpret_cast<std::uintptr_t>(near);
  return reinterpret_cast<const void*>(base +
                                       static_cast<std::intptr_t>(static_cast<std::int32_t>(site - shortened(near))));
}

std::size_t offset_of(const AccessEvent& event) { return event.address - shared_stretch.start; }

std::string what_and_where(const Thread& thread, const AccessEvent& event) {
  return sentence(thread_name(thread), " ", access_name(event), " at byte ", offset_of(event), " of shared memory",
                  site_name(event.site));
}

std::string race_report(const Thread& self, const AccessEvent& event, int other, const char* did,
                        const void* other_site) {
  const bool one_warp = other / kWarpLanes == self.warp;
  return sentence("race in shared memory: ", what_and_where(self, event), ", and ",
                  thread_name(machine().threads[other]), " ", did, " the same bytes", site_name(other_site),
                  " with no ", one_warp ? "__syncwarp or " : "", "__syncthreads in between.");
}

[[gnu::cold]] void stop_for_write(Thread& self, const AccessEvent& event, const SharedCell& cell) {
  const char* const did = cell.flags & by_async    ? "copied to by cp.async"
                          : cell.flags & by_atomic ? "atomically changed"
                                                   : "wrote";
  machine().stop([&] { return race_report(self, event, cell.writer, did, lengthened(cell.write_site, event.site)); });
}

[[gnu::cold]] void stop_for_read(Thread& self, const AccessEvent& event, const Readers& readers, std::uint32_t lanes) {
  const int reader = static_cast<int>(readers.warp) * kWarpLanes + std::countr_zero(lanes);
  machine().stop([&] { return race_report(self, event, reader, "read", lengthened(readers.site, event.site)); });
}

[[gnu::cold]] void stop_for_async(Thread& self, const AccessEvent& event, const SharedCell& cell) {
  machine().stop([&] {
    return sentence(what_and_where(self, event), ", to which a cp.async of ",
                    cell.writer == self.number ? "its own" : thread_name(machine().threads[cell.writer]), ", issued",
                    site_name(lengthened(cell.write_site, event.site)),
                    ", is still under way: that thread must wait for it first, and a barrier must follow.");
  });
}

[[gnu::cold]] void stop_for_uninitialized(Thread& self, const AccessEvent& event, std::size_t first_byte) {
  machine().stop([&] {
    return sentence("uninitialized shared memory: ", what_and_where(self, event), ", of which byte ", first_byte,
                    " was not written by this block before.");
  });
}

void check_bounds(Thread& self, const AccessEvent& event) {
  const auto have = static_cast<std::size_t>(machine().launch->shared_bytes);
  if (offset_of(event) + event.bytes <= have) return;
  machine().stop([&] {
    return sentence("out of range: ", what_and_where(self, event), ", of which the block has ", have, " bytes.");
  });
}

bool written_before(const Thread& self, const SharedCell& cell) {
  if (cell.write_epoch != epoch || cell.writer == self.number) return true;
  return cell.writer / kWarpLanes == self.warp && knows(self, cell.writer % kWarpLanes, cell.write_clock);
}

// The lanes among the readers whose reads nothing orders before `self`.
std::uint32_t unordered(const Thread& self, const Readers& readers) {
  if (readers.epoch != epoch) return 0;
  if (readers.warp != self.warp) return readers.lanes;
  if (clocks[self.warp].whole > readers.clock) return 0;
  std::uint32_t found = 0;
  for (std::uint32_t left = readers.lanes & ~(1u << self.lane); left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (!knows(self, lane, readers.clock)) found |= 1u << lane;
  }
  return found;
}

void remember_reader(const Thread& self, const AccessEvent& event, SharedCell& cell) {
  for (Readers& readers : cell.readers) {
    if (readers.epoch != epoch) {
      readers = {epoch, 1u << self.lane, clock_of(self), shortened(event.site), self.warp};
      return;
    }
    if (readers.warp != self.warp) continue;
    const std::uint32_t clock = clock_of(self), lane = 1u << self.lane;
    if (clock == readers.clock && readers.lanes & lane) return;
    if (clock > readers.clock && unordered(self, readers) == 0) {
      readers.lanes = 0;
      readers.clock = clock;
    }
    readers.lanes |= lane;
    readers.site = shortened(event.site);
    return;
  }
}

void check_read(Thread& self, const AccessEvent& event, SharedCell& cell, std::size_t at) {
  if (cell.write_epoch >= block_epoch && cell.flags & async_under_way) stop_for_async(self, event, cell);
  if (cell.write_epoch < block_epoch || (cell.flags & written_both) != written_both)
    stop_for_uninitialized(self, event, at);
  if (!written_before(self, cell)) stop_for_write(self, event, cell);
  remember_reader(self, event, cell);
}

void check_write(Thread& self, const AccessEvent& event, SharedCell& cell) {
  if (cell.write_epoch >= block_epoch && cell.flags & async_under_way) stop_for_async(self, event, cell);
  const bool both_atomic = event.kind == Access::atomic && cell.flags & by_atomic;
  if (!both_atomic && !written_before(self, cell)) stop_for_write(self, event, cell);
  for (const Readers& readers : cell.readers) {
    if (const std::uint32_t lanes = unordered(self, readers); lanes != 0) stop_for_read(self, event, readers, lanes);
  }
}

void remember_writer(const Thread& self, const void* site, SharedCell& cell, std::uint16_t flags) {
  cell.write_epoch = epoch;
  cell.write_clock = clock_of(self);
  cell.write_site = shortened(site);
  cell.writer = self.number;
  cell.flags = static_cast<std::uint16_t>((cell.flags & apart) | flags);
}

void check_single_byte(Thread& self, const AccessEvent& event) {
  SharedCell& cell = half(offset_of(event) / 2);
  const std::uint16_t bit = offset_of(event) % 2 == 0 ? written_low : written_high;
  const bool fresh = cell.write_epoch < block_epoch;
  if (!fresh && cell.flags & async_under_way) stop_for_async(self, event, cell);
  if (event.kind == Access::read) {
    if (fresh || (cell.flags & bit) == 0) stop_for_uninitialized(self, event, offset_of(event));
    return;
  }
  remember_writer(self, event.site, cell, static_cast<std::uint16_t>((fresh ? 0 : cell.flags & written_both) | bit));
}

}  // namespace

void check_shared_access(Thread& self, const AccessEvent& event) {
  check_bounds(self, event);
  if (!accesses_reported) return;
  if (event.bytes == 1) return check_single_byte(self, event);
  const bool writes = event.kind != Access::read;
  for_cells(offset_of(event) / 2, event.bytes / 2, writes, [&](SharedCell& cell, std::size_t number) {
    if (!writes) return check_read(self, event, cell, 2 * number);
    if (event.kind == Access::atomic &&
        (cell.write_epoch < block_epoch || (cell.flags & written_both) != written_both)) {
      stop_for_uninitialized(self, event, 2 * number);
    }
    check_write(self, event, cell);
    remember_writer(self, event.site, cell, event.kind == Access::atomic ? written_both | by_atomic : written_both);
  });
}

void begin_async_copy(Thread& self, const AsyncCopy& copy) {
  const AccessEvent event{reinterpret_cast<std::uintptr_t>(copy.shared), 16, Access::write, copy.site};
  check_bounds(self, event);
  forbid(event.address, 16);
  if (!accesses_reported) return;
  for_cells(offset_of(event) / 2, 8, true, [&](SharedCell& cell, std::size_t) {
    check_write(self, event, cell);
    remember_writer(self, copy.site, cell, by_async | async_under_way);
  });
}

void end_async_copy(Thread& self, const AsyncCopy& copy) {
  const std::size_t first = (reinterpret_cast<std::uintptr_t>(copy.shared) - shared_stretch.start) / 2;
  permit(reinterpret_cast<std::uintptr_t>(copy.shared), 16);
  if (!accesses_reported) return;
  for_cells(first, 8, true,
            [&](SharedCell& cell, std::size_t) { remember_writer(self, copy.site, cell, written_both | by_async); });
}

void shared_checks_begin_launch(Machine& machine) {
  if (shared_cells == nullptr)
    shared_cells = static_cast<SharedCell*>(reserve_address_space(kMaxSharedBytes / 2 * sizeof(SharedCell)));
  std::memset(clocks, 0, static_cast<std::size_t>(machine.warp_count) * sizeof clocks[0]);
  if (epoch > 0xf0000000u) {  // after about four billion barriers
    std::memset(static_cast<void*>(shared_cells), 0, kMaxSharedBytes / 2 * sizeof(SharedCell));
    epoch = 0;
  }
}

void shared_checks_begin_block(Machine& machine) {
  block_epoch = ++epoch;
  const std::int64_t bytes = machine.launch->shared_bytes;
  // Unpoisons what a failed kernel left poisoned, and poisons what this one must not access.
  permit(shared_stretch.start, static_cast<std::size_t>(bytes));
  if (bytes < poisoned_from)
    forbid(shared_stretch.start + static_cast<std::size_t>(bytes), static_cast<std::size_t>(poisoned_from - bytes));
  poisoned_from = bytes;
  std::memset(shared_memory_start(), 0xff, static_cast<std::size_t>(bytes));
}

void shared_checks_barrier() { ++epoch; }

void shared_checks_warp_synchronized(Machine&, int warp_number, std::uint32_t mask) {
  WarpClocks& warp = clocks[warp_number];
  const std::uint32_t tick = ++warp.ticks;
  if (mask == 0xffffffffu) {
    warp.whole = tick;
    return;
  }
  std::uint32_t known[kWarpLanes] = {};
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    for (int of = 0; of < kWarpLanes; ++of) known[of] = std::max(known[of], warp.known[lane][of]);
  }
  for (std::uint32_t left = mask; left != 0; left &= left - 1) known[std::countr_zero(left)] = tick;
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    warp.now[lane] = tick;
    std::memcpy(warp.known[lane], known, sizeof known);
  }
}

}  // namespace cheems::cuda_on_cpu
