// What libcheems_cuda.so (and its twin that is executed on the CPU) exports: the table of backends/plugin.h.
#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

#include "backends/cuda/cuda_backend.h"
#include "backends/plugin.h"

namespace {

void put(const std::string& text, char* to, int64_t capacity) {
  if (capacity <= 0) return;
  const auto length = std::min(text.size(), static_cast<size_t>(capacity) - 1);
  std::memcpy(to, text.data(), length);
  to[length] = 0;
}

int probe(char* text, int64_t capacity) {
  try {
    std::string missing, lines;
    const auto devices = cheems::cuda::describe_devices(missing);
    for (const auto& device : devices) lines += device + "\n";
    put(devices.empty() ? missing : lines, text, capacity);
    return static_cast<int>(devices.size());
  } catch (const std::exception& error) {
    put(error.what(), text, capacity);
    return 0;
  }
}

cheems::Backend* create(int device, char* text, int64_t capacity) {
  try {
    return cheems::create_cuda_backend(device).release();
  } catch (const std::exception& error) {
    put(error.what(), text, capacity);
    return nullptr;
  }
}

constexpr cheems::PluginTable kTable{cheems::kPluginAbi, CHEEMS_PLUGIN_BUILD_ID, probe, create};

}  // namespace

extern "C" __attribute__((visibility("default"))) const cheems::PluginTable* cheems_plugin_entry() { return &kTable; }
