#include "testing/cuda_on_cpu/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/machine.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cheems::cuda_on_cpu {

Stretch shared_stretch, device_stretch;
std::uint32_t* page_owner = nullptr;
Allocation* allocations = nullptr;

namespace {

constexpr std::size_t kSharedWindow = std::size_t{4}
                                      << 20;  // beyond what a block has: what lies behind is told from host memory
constexpr std::size_t kDeviceStretch = std::size_t{256} << 30;
constexpr std::size_t kPages = kDeviceStretch / kPageBytes;
constexpr std::uint32_t kMostAllocations = 1u << 26;
constexpr std::size_t kOffset = 256;  // of an allocation in its first page; as many bytes at least are left behind it

unsigned char* stacks = nullptr;
std::mutex guard;
std::size_t next_page = 1;
std::uint32_t allocation_count = 0;

std::size_t pages_for(std::size_t bytes) { return (kOffset + bytes + kOffset + kPageBytes - 1) / kPageBytes; }

bool page_free(std::size_t page) { return page_owner[page] == 0 || !allocations[page_owner[page]].live; }

// The first of `count` consecutive pages: new ones as long as there are any, then those of freed allocations. 0: there
// are none.
std::size_t find_pages(std::size_t count) {
  if (next_page + count <= kPages) {
    next_page += count;
    return next_page - count;
  }
  std::size_t run = 0;
  for (std::size_t page = 1; page < kPages; ++page) {
    run = page_free(page) ? run + 1 : 0;
    if (run == count) return page + 1 - count;
  }
  return 0;
}

}  // namespace

void* reserve_address_space(std::size_t bytes) {
  void* const address =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    fail("The emulated CUDA device cannot reserve ", bytes, " bytes of address space: ", std::strerror(errno),
         ". It needs no memory for them; lift the limit on address space (ulimit -v unlimited).");
  }
  return address;
}

void reserve_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    shared_stretch = {reinterpret_cast<std::uintptr_t>(reserve_address_space(kSharedWindow)), kSharedWindow};
    forbid(shared_stretch.start, shared_stretch.bytes);
    page_owner = static_cast<std::uint32_t*>(reserve_address_space(kPages * sizeof *page_owner));
    allocations = static_cast<Allocation*>(reserve_address_space(std::size_t{kMostAllocations} * sizeof *allocations));
    stacks = static_cast<unsigned char*>(reserve_address_space(kMaxThreads * kStackBytes));
    for (int number = 0; number < kMaxThreads;
         ++number) {  // a stack that overflows faults instead of entering the next
      mprotect(stacks + static_cast<std::size_t>(number) * kStackBytes, kPageBytes, PROT_NONE);
    }
    device_stretch = {reinterpret_cast<std::uintptr_t>(reserve_address_space(kDeviceStretch)), kDeviceStretch};
  });
}

Stack stack_of(int number) {
  unsigned char* const start = stacks + static_cast<std::size_t>(number) * kStackBytes;
  // If all stacks began at the same offset in their pages, they would share the same few cache lines of the CPU.
  const std::size_t stagger = static_cast<std::size_t>(number % 256) * 256;
  return {start + kPageBytes, kStackBytes - kPageBytes - stagger};
}

void* allocate(int device, std::size_t bytes) {
  reserve_memory();
  const std::lock_guard<std::mutex> lock(guard);
  if (allocation_count + 1 >= kMostAllocations || !take_bytes(device, bytes)) return nullptr;
  const std::size_t count = pages_for(bytes), first = find_pages(count);
  if (first == 0) {
    give_bytes(device, bytes);
    return nullptr;
  }
  const std::uintptr_t pages = device_stretch.start + first * kPageBytes, start = pages + kOffset;
  const std::uint32_t number = ++allocation_count;
  allocations[number] = {start, bytes, number, true, device};
  for (std::size_t page = first; page < first + count; ++page) page_owner[page] = number;
  forbid(pages, count * kPageBytes);
  permit(start, bytes);
  std::memset(reinterpret_cast<void*>(start), 0xff, bytes);
  return reinterpret_cast<void*>(start);
}

bool release(void* address) {
  const std::lock_guard<std::mutex> lock(guard);
  const Allocation* const found = allocation_at(reinterpret_cast<std::uintptr_t>(address));
  if (found == nullptr || !found->live || found->start != reinterpret_cast<std::uintptr_t>(address)) return false;
  allocations[found->number].live = false;
  give_bytes(found->device, found->bytes);
  forbid(found->start, found->bytes);
  madvise(reinterpret_cast<void*>(found->start - kOffset), pages_for(found->bytes) * kPageBytes, MADV_DONTNEED);
  return true;
}

void forbid([[maybe_unused]] std::uintptr_t address, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(reinterpret_cast<void*>(address), bytes);
#endif
}

void permit([[maybe_unused]] std::uintptr_t address, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(reinterpret_cast<void*>(address), bytes);
#endif
}

}  // namespace cheems::cuda_on_cpu
