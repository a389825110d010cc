// The address space of the emulated device. One stretch of addresses is reserved for each kind of memory, so that one
// comparison classifies an address: the shared memory of the block, the stacks of the threads, or device memory.
//
// Every allocation of device memory has its own pages. It begins 256 bytes into the first one (so that a kernel that
// needs more alignment than cudaMalloc guarantees is found) and ends before the end of the last one. Addresses of freed
// memory are not reused as long as there are others. New memory is filled with 0xff: a NaN in float32 and in bfloat16.
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

// Reserves address space, which gets memory only when it is accessed; initially zero.
void* reserve_address_space(std::size_t bytes);

// The stack of the thread with this number in its block.
Stack stack_of(int number);

// Allocates memory of the device; null if it is full.
void* allocate(int device, std::size_t bytes);
// Frees an allocation. Returns false if no live allocation begins at the address.
bool release(void* address);

// The allocation, live or freed, whose pages contain the address, or null.
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

// Tell AddressSanitizer, if it is used, that these bytes must not, or may, be accessed.
void forbid(std::uintptr_t address, std::size_t bytes);
void permit(std::uintptr_t address, std::size_t bytes);

}  // namespace cheems::cuda_on_cpu
