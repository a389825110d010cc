// Turns an address in a kernel's code into "rmsnorm/cuda.cu:57", with addr2line, if that is installed and the code has
// line numbers (-g1). Only called for messages.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"

namespace cheems::cuda_on_cpu {

namespace {

// Whether a line belongs to the helpers that kernels use, and not to a kernel itself.
bool is_vocabulary(const std::string& line) {
  return line.find("/cuda_on_cpu/") != std::string::npos ? line.find(".cu:") == std::string::npos
                                                         : line.find("backends/cuda/device.cuh") != std::string::npos;
}

std::string find_line(const void* site) {
  Dl_info object;
  if (dladdr(site, &object) == 0 || object.dli_fname == nullptr) return {};
  const std::string program = std::strchr(object.dli_fname, '/') == nullptr ? "/proc/self/exe" : object.dli_fname;
  if (program.find('\'') != std::string::npos) return {};
  // A return address is that of the next instruction.
  const std::size_t offset =
      reinterpret_cast<std::uintptr_t>(site) - reinterpret_cast<std::uintptr_t>(object.dli_fbase) - 1;
  char command[64];
  std::snprintf(command, sizeof command, "' -i 0x%zx 2>/dev/null", offset);
  std::FILE* const pipe = popen(("addr2line -e '" + program + command).c_str(), "r");
  if (pipe == nullptr) return {};
  std::string found;
  char buffer[1024];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) {  // from the innermost inlined function outwards
    std::string line(buffer, std::strcspn(buffer, " \n"));
    if (line.empty() || line[0] == '?') continue;
    if (found.empty() || is_vocabulary(found)) found = line;
  }
  pclose(pipe);
  const std::size_t native = found.rfind("native/");
  return native == std::string::npos ? found : found.substr(native + std::strlen("native/"));
}

}  // namespace

std::string site_name(const void* site) {
  if (site == nullptr) return {};
  const std::string line = find_line(site);
  return line.empty() ? line : " at " + line;
}

}  // namespace cheems::cuda_on_cpu
