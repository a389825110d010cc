// Which backends there are, and the one that a user asked for. The CUDA backend is a library of its own beside the
// addon (or beside the program that the engine is linked into), opened here when it is there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace cheems {

struct BackendInfo {
  std::string name;  // "cpu", "cuda:0"; "cuda" where there is no device
  bool available;
  std::string detail;  // what it is, or in one sentence what is missing
};

// Where the CUDA library is looked for: beside the addon, then in the folders that were added. With
// CHEEMS_DEVICE=emulated in the environment (a developer's switch) it is the one whose kernels are executed on the CPU.
struct PluginPlace {
  std::string folder;
  bool emulated = false;
  std::vector<std::string> more_folders = {};  // of installed packages; not for the emulated one
  static PluginPlace of_this_process();
};

// A folder in which a package brought the CUDA library, for every PluginPlace::of_this_process() from now on.
void add_plugin_folder(const std::string& folder);

// What there is of the CUDA backend, for `info`: empty texts where there is nothing.
struct PluginReport {
  struct Library {
    std::string name, version, file;
  };
  std::string file, version, images, toolkit;  // of the plug-in itself (backends/plugin.h)
  std::string driver;
  std::vector<Library> libraries;
  std::vector<std::string> missing;  // a sentence each
};
PluginReport report_plugin(const PluginPlace& place = PluginPlace::of_this_process());

// The CPU first, then each CUDA device, or the one reason that there is none. Never throws for what is missing.
std::vector<BackendInfo> list_backends(const PluginPlace& place = PluginPlace::of_this_process());

// `device`: "cuda" (the CUDA device with the most free memory that can be taken: device_choice.h), "auto" (the same,
// else the CPU), "cpu" or "cuda:N" (no other). `threads` is the CPU backend's (0: one per usable core). `choice`
// becomes a sentence's part that says what was taken and why: "cuda:0, NVIDIA H100 80GB HBM3, …; taken of 2 GPUs by
// free memory: 78.9 GiB", "cpu, 2 threads; no CUDA device, because no NVIDIA driver is installed". What was tried
// before and why it was not taken stands there too. Throws Error where the device that was named cannot be had.
std::unique_ptr<Backend> create_backend(const std::string& device, int threads, std::string& choice,
                                        const PluginPlace& place = PluginPlace::of_this_process());

}  // namespace cheems
