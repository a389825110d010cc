// cp.async: a copy is carried out when its thread waits for it, the latest moment the hardware may choose, so that a
// kernel that does not wait sees what was there before.
#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/machine.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

void async_copy_16(void* shared, const void* global, bool valid, const void* site) {
  Thread& self = *current;
  const auto target = reinterpret_cast<std::uintptr_t>(shared), source = reinterpret_cast<std::uintptr_t>(global);
  if (!shared_stretch.contains(target)) {
    machine().stop(sentence(thread_name(self), " gives cp.async a target that is not in shared memory."));
  }
  if (target % 16 != 0 || (valid && source % 16 != 0)) {
    machine().stop(sentence(thread_name(self), " gives cp.async of 16 bytes ", target % 16 != 0 ? "a target" : "a source",
                            " that is not aligned to 16 bytes."));
  }
  if (valid) note_read_of(self, global, 16, site);
  self.copies.push_back({static_cast<unsigned char*>(shared), static_cast<const unsigned char*>(global), self.async_group, valid, site});
}

void async_commit() { ++current->async_group; }

void async_wait(int pending_groups) {
  Thread& self = *current;
  std::size_t kept = 0;
  for (const AsyncCopy& copy : self.copies) {
    if (copy.group + static_cast<std::uint32_t>(pending_groups) >= self.async_group) {
      self.copies[kept++] = copy;
      continue;
    }
    if (copy.valid) std::memcpy(copy.shared, copy.global, 16);
    else std::memset(copy.shared, 0, 16);
    note_write_of(self, copy.shared, 16, copy.site);
  }
  self.copies.resize(kept);
}

}  // namespace cheems::cuda_on_cpu
