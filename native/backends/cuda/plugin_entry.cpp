// What libcheems_cuda.so (and its counterpart for the emulated device) exports: the table of backends/plugin.h.
#include <exception>
#include <string>

#include "backends/cuda/cublas_library.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/management_library.h"
#include "backends/plugin.h"
#include "backends/plugin_guard.h"
#include "core/error.h"

namespace {

void put(const std::string& text, char* to, int64_t capacity) { cheems::put_text(text, {to, capacity}); }

int probe(char* text, int64_t capacity) {
  try {
    std::string missing, lines;
    const auto devices = cheems::cuda::describe_devices(missing);
    for (const auto& [what, unusable] : devices) lines += what + "\t" + unusable + "\n";
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

void describe(char* text, int64_t capacity) {
  std::string lines;
  const auto line = [&](const auto&... parts) { lines += cheems::sentence(parts...) + "\n"; };
  try {
    if (const std::string version = cheems::cuda::driver_version(); !version.empty()) line("driver\t", version);
    std::string missing;
    const auto devices = cheems::cuda::describe_devices(missing);
    if (devices.empty()) line("missing\t", missing);
    for (const auto& device : devices) {
      if (!device.unusable.empty()) line("missing\t", device.unusable);
    }
  } catch (const std::exception& error) {
    line("missing\t", error.what());
  }
  try {
    const auto library = cheems::cuda::find_cublas_lt();
    line("library\tcuBLASLt\t", library.version, "\t", library.file);
  } catch (const std::exception& error) {
    line("missing\t", error.what());
  }
  put(lines, text, capacity);
}

int64_t free_memory(int device) {
  try {
    return cheems::cuda::free_memory_without_context(device).value_or(-1);
  } catch (const std::exception&) {
    return -1;
  }
}

constexpr cheems::PluginTable kTable{cheems::kPluginAbi,
                                     cheems::kPluginBuildId,
                                     CHEEMS_VERSION,
                                     CHEEMS_CUDA_IMAGES,
                                     CHEEMS_CUDA_TOOLKIT,
                                     probe,
                                     create,
                                     free_memory,
                                     describe,
                                     cheems::guarded_calls()};

}  // namespace

extern "C" __attribute__((visibility("default"))) const cheems::PluginTable* cheems_plugin_entry() { return &kTable; }
