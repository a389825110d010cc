// cp.async: a copy is performed when its thread waits for it, the latest moment that the hardware may choose, so that a
// kernel that does not wait sees the old content.
#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/machine.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/traffic_counters.h"

namespace cheems::cuda_on_cpu {

void async_copy_16(void* shared, const void* global, bool valid, const void* site) {
  Thread& self = *current;
  const auto target = reinterpret_cast<std::uintptr_t>(shared), source = reinterpret_cast<std::uintptr_t>(global);
  if (!shared_stretch.contains(target)) {
    machine().stop([&] {
      return sentence(thread_name(self), " gives cp.async a target that is not in shared memory", site_name(site), ".");
    });
  }
  if (valid && !device_stretch.contains(source)) {
    machine().stop([&] {
      return sentence(thread_name(self), " gives cp.async a source that is not in device memory", site_name(site), ".");
    });
  }
  if (target % 16 != 0 || (valid && source % 16 != 0)) {
    machine().stop([&] {
      return sentence("misaligned access: ", thread_name(self), " gives cp.async of 16 bytes ",
                      target % 16 != 0 ? "a target" : "a source", " that is not aligned to 16 bytes", site_name(site),
                      ".");
    });
  }
  const AsyncCopy copy{static_cast<unsigned char*>(shared), static_cast<const unsigned char*>(global), self.async_group,
                       valid, site};
  if (valid) check_access(self, {source, 16, Access::read, site});
  begin_async_copy(self, copy);
  if (traffic_counted) count_async_copy(self, copy);
  self.copies.push_back(copy);
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
    end_async_copy(self, copy);
    if (copy.valid) std::memcpy(copy.shared, copy.global, 16);
    else std::memset(copy.shared, 0, 16);
  }
  self.copies.resize(kept);
}

}  // namespace cheems::cuda_on_cpu
