// What libcheems_cuda.so (and its twin that is executed on the CPU) exports: the table of backends/plugin.h.
#include <exception>
#include <string>

#include "backends/cuda/cuda_backend.h"
#include "backends/plugin.h"
#include "backends/plugin_guard.h"

namespace {

void put(const std::string& text, char* to, int64_t capacity) { cheems::put_text(text, {to, capacity}); }

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

constexpr cheems::PluginTable kTable{cheems::kPluginAbi, CHEEMS_PLUGIN_BUILD_ID, probe, create, cheems::guarded_calls()};

}  // namespace

extern "C" __attribute__((visibility("default"))) const cheems::PluginTable* cheems_plugin_entry() { return &kTable; }
