// The address space of the emulated device. One stretch of addresses is reserved for each kind of memory, so that one
// comparison tells what an address is: the shared memory of the block, the stacks of the threads, or device memory.
//
// Every allocation of device memory has pages of its own, begins 256 bytes into the first of them (a kernel that needs
// more alignment than cudaMalloc promises is found out) and ends before the end of the last; addresses of freed memory
// are not given out again while others are left. New memory is filled with 0xff: a NaN in float32 and in bfloat16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cheems::cuda_on_cpu {

struct Stretch {
  std::uintptr_t start = 0;
  std::size_t bytes = 0;
  bool contains(std::uintptr_t address) const { return address - start < bytes; }
};

struct Stack {
  void* low;
  std::size_t bytes;
};

struct Allocation {
  std::uintptr_t start;
  std::size_t bytes;
  std::uint32_t number;  // counted from 1 over the life of the process
  bool live;
  int device;
};

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kPageBytes = 4096;

extern Stretch shared_stretch;  // the window, of which a launch uses the first bytes
extern Stretch device_stretch;

// The number of the allocation on each page of device_stretch, 0 for none; and the allocations by number.
extern std::uint32_t* page_owner;
extern Allocation* allocations;

// Reserves the address space, once.
void reserve_memory();

// Address space without memory behind it until it is touched; zero at first.
void* reserve_address_space(std::size_t bytes);

// The stack of the thread with this number in its block.
Stack stack_of(int number);

// Memory of the device; null when it is full.
void* allocate(int device, std::size_t bytes);
// False if nothing that is live begins at the address.
bool release(void* address);

// The allocation on whose pages the address lies, live or freed, or null.
inline const Allocation* allocation_at(std::uintptr_t address) {
  if (!device_stretch.contains(address)) return nullptr;
  const std::uint32_t number = page_owner[(address - device_stretch.start) / kPageBytes];
  return number == 0 ? nullptr : &allocations[number];
}

// Whether all the bytes belong to one live allocation of that device.
inline bool in_live_allocation(std::uintptr_t address, std::size_t bytes, int device) {
  const Allocation* const owner = allocation_at(address);
  return owner != nullptr && owner->live && owner->device == device && address >= owner->start &&
         address - owner->start + bytes <= owner->bytes;
}

// For AddressSanitizer, where it watches.
void forbid(std::uintptr_t address, std::size_t bytes);
void permit(std::uintptr_t address, std::size_t bytes);

}  // namespace cheems::cuda_on_cpu
