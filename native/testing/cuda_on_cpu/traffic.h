// Counts the memory traffic of kernels: bytes, coalescing, bank conflicts, tensor core instructions. Counting costs
// time and is off unless a TrafficScope exists.
//
//   TrafficScope scope;
//   ... launch ...
//   const KernelTraffic traffic = scope.of("rmsnorm_forward");
//
// An access of a warp is what its lanes do at one place in the code for the nth time since the last barrier or warp
// function; lanes that skip it do not count. A GPU executes code in which the lanes do not diverge in this way.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cheems::cuda_on_cpu {

struct KernelTraffic {
  std::int64_t launches = 0;
  std::int64_t blocks = 0;

  // Device memory. Bytes are those requested by all threads; sectors are what the hardware moves for them: the
  // different 32-byte sectors of each warp access. Coalesced code has 32 * sectors == bytes; with broadcasts it is
  // less.
  std::int64_t global_load_bytes = 0, global_store_bytes = 0, global_atomics = 0;
  std::int64_t global_load_sectors = 0, global_store_sectors = 0;
  std::int64_t global_load_requests = 0, global_store_requests = 0;  // warp accesses
  std::int64_t async_copy_bytes = 0;                                 // by cp.async; they are among the loads, too

  // Shared memory, including cp.async's writes and ldmatrix's reads. A wavefront serves 32 banks of four bytes. If an
  // access needs more wavefronts than its size requires, the additional ones are its bank conflicts.
  std::int64_t shared_load_bytes = 0, shared_store_bytes = 0;
  std::int64_t shared_wavefronts = 0, bank_conflicts = 0;

  std::int64_t barriers = 0;  // by block
  std::int64_t warp_functions = 0;
  std::int64_t mma = 0;  // m16n8k16 instructions, by warp

  // The last launch: the kernel's address, threads of a block, bytes of dynamic shared memory.
  const void* kernel = nullptr;
  int threads = 0;
  std::int64_t shared_bytes = 0;

  std::int64_t global_bytes() const { return global_load_bytes + global_store_bytes; }
  std::int64_t sector_bytes() const { return 32 * (global_load_sectors + global_store_sectors); }
  std::int64_t mma_flops() const { return mma * 2 * 16 * 8 * 16; }
};

// Counts from its construction on; scopes cannot be nested. Launches of all threads are counted.
class TrafficScope {
 public:
  TrafficScope();
  ~TrafficScope();
  TrafficScope(const TrafficScope&) = delete;
  TrafficScope& operator=(const TrafficScope&) = delete;

  // The traffic of the kernel with this name, which is given at launch; all zero if it was not launched.
  KernelTraffic of(const std::string& kernel) const;
  std::map<std::string, KernelTraffic> all() const;
};

}  // namespace cheems::cuda_on_cpu
