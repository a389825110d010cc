// Which backends exist, and the one that a user asked for. The CUDA backend is a separate library beside the addon (or
// beside the program that the engine is linked into), opened here if it is present.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace cheems {

struct BackendInfo {
  std::string name;  // "cpu", "cuda:0"; "cuda" if there is no device
  bool available = false;
  std::string detail;  // what it is, or one sentence about what is missing
};

template <class Visitor>
void describe(Visitor& visit, BackendInfo& backend) {
  visit("name", backend.name, "`cpu`, `cuda:0`; `cuda` if there is no device.");
  visit("found", backend.available, "");
  visit("detail", backend.detail, "What it is, or one sentence about what is missing.");
}

// Where the CUDA library is searched: beside the addon, then in the folders that were added. With
// CHEEMS_DEVICE=emulated in the environment (for developers) it is the one that runs its kernels on the CPU.
struct PluginPlace {
  std::string folder;
  bool emulated = false;
  std::vector<std::string> more_folders = {};  // of installed packages; not for the emulated one
  static PluginPlace of_this_process();
};

// A folder where a package installed the CUDA library, for every PluginPlace::of_this_process() from now on.
void add_plugin_folder(const std::string& folder);

// The parts of the CUDA backend, for `info`: empty texts for what is absent.
struct PluginReport {
  struct Library {
    std::string name, version, file;
  };
  std::string file, version, images, toolkit;  // of the plug-in itself (backends/plugin.h)
  std::string driver;
  std::vector<Library> libraries;
  std::vector<std::string> missing;  // a sentence each
};

template <class Visitor>
void describe(Visitor& visit, PluginReport::Library& library) {
  visit("name", library.name, "");
  visit("version", library.version, "");
  visit("file", library.file, "");
}

template <class Visitor>
void describe(Visitor& visit, PluginReport& report) {
  visit("file", report.file, "The plug-in's file.", {.stands_for_none = true});
  visit("version", report.version, "Of the package that it is part of.", {.stands_for_none = true});
  visit("images", report.images, "What it holds machine code and PTX for: `sm_80 sm_90 PTX 8.0`.",
        {.stands_for_none = true});
  visit("toolkit", report.toolkit, "What compiled it: `CUDA 13.0`.", {.stands_for_none = true});
  visit("driver", report.driver, "`580.65.06, runs CUDA 13.0`; absent where no driver is installed.",
        {.stands_for_none = true});
  visit("libraries", report.libraries, "NVIDIA's libraries that it would use, and where they lie.");
  visit("missing", report.missing, "What is missing, a sentence each.");
}

PluginReport report_plugin(const PluginPlace& place = PluginPlace::of_this_process());

// The CPU first, then each CUDA device, or the one reason that there is none. Never throws for what is missing.
std::vector<BackendInfo> list_backends(const PluginPlace& place = PluginPlace::of_this_process());

// `device`: "cuda" (the usable CUDA device with the most free memory: device_choice.h), "auto" (the same, else the
// CPU), "cpu" or "cuda:N" (only that one). `threads` is the CPU backend's (0: one per usable core). `choice` receives a
// part of a sentence that says what was chosen and why, including what was tried before and why it was not used:
// "cuda:0, NVIDIA H100 80GB HBM3, …; chosen from 2 GPUs by free memory: 78.9 GiB", "cpu, 2 threads; no CUDA device,
// because no NVIDIA driver is installed". Throws Error if the named device cannot be used.
std::unique_ptr<Backend> create_backend(const std::string& device, int threads, std::string& choice,
                                        const PluginPlace& place = PluginPlace::of_this_process());

}  // namespace cheems
