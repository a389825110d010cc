// The interface between the engine and a backend in its own library: one exported C function that returns this table.
//
// The engine links nothing of NVIDIA's. libcheems_cuda.so does, and is opened if it is present. Both come from one
// build. The build id is a hash of the headers that both compile (backend.h, operations.h and what they include), so a
// library of another build is refused before any of its virtual functions is called. Backend and Operations cross as
// C++ objects; exceptions do not (plugin_calls.h).
#pragma once

#include <cstdint>
#include <string>  // which also defines the macros that identify the standard library

#ifdef _LIBCPP_VERSION
#define CHEEMS_STANDARD_LIBRARY " libc++"
#else
#define CHEEMS_STANDARD_LIBRARY " libstdc++"
#endif

#include "backends/plugin_calls.h"

namespace cheems {

// What both libraries must have been built from, and with.
#ifdef CHEEMS_PLUGIN_BUILD_ID
constexpr const char* kPluginBuildId = CHEEMS_PLUGIN_BUILD_ID CHEEMS_STANDARD_LIBRARY;
#endif

struct PluginTable {
  uint32_t abi;          // kPluginAbi of the plug-in's build
  const char* build_id;  // kPluginBuildId of the plug-in's build
  const char* version;   // of its package
  const char* images;    // the targets of its machine code and PTX: "sm_80 sm_90 PTX 8.0"
  const char* toolkit;   // what compiled it: "CUDA 13.0"

  // Returns the number of devices and writes one line for each to `text`: what it is, a tab, and why it cannot be used,
  // if so. If there are none, returns 0 and writes the reason: "no NVIDIA driver is installed".
  int (*probe)(char* text, int64_t capacity);

  // The backend on that device, owned by the caller (deleted through its virtual destructor). Null if it cannot be
  // created; then `text` has the sentence of an Error.
  Backend* (*create)(int device, char* text, int64_t capacity);

  // Free bytes of the device's memory, found without opening the device; below 0 if not known.
  int64_t (*free_memory)(int device);

  // What this machine offers it, for a report: one line each, with tabs between its parts. "driver VERSION", "library
  // NAME VERSION FILE", and "missing REASON", where the reason may also be the part of a sentence after "because".
  void (*describe)(char* text, int64_t capacity);

  // How that backend's functions are called.
  PluginCalls calls;
};

constexpr uint32_t kPluginAbi = 4;  // of this struct itself
constexpr const char* kPluginEntry = "cheems_plugin_entry";
using PluginEntry = const PluginTable* (*)();

}  // namespace cheems
