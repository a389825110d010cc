// How the engine and a backend that lives in its own library meet: one exported C function that returns this table.
//
// The engine links nothing of NVIDIA's; libcheems_cuda.so does, and is opened when it is there. Both come out of one
// build: the build id is made of the headers that both compile (backend.h, operations.h and what they include), so that
// a library of another build is refused before a virtual function of it is called. Backend and Operations cross as C++
// objects, exceptions do not (plugin_calls.h).
#pragma once

#include <cstdint>
#include <string>  // and with it the macros that tell the standard library

#ifdef _LIBCPP_VERSION
#define CHEEMS_STANDARD_LIBRARY " libc++"
#else
#define CHEEMS_STANDARD_LIBRARY " libstdc++"
#endif

#include "backends/plugin_calls.h"

namespace cheems {

// What both sides of the border must have been built from, and with.
#ifdef CHEEMS_PLUGIN_BUILD_ID
constexpr const char* kPluginBuildId = CHEEMS_PLUGIN_BUILD_ID CHEEMS_STANDARD_LIBRARY;
#endif

struct PluginTable {
  uint32_t abi;          // kPluginAbi of the plug-in's build
  const char* build_id;  // kPluginBuildId of the plug-in's build
  const char* version;   // of the package that it is part of
  const char* images;    // what it holds machine code and PTX for: "sm_80 sm_90 PTX 8.0"
  const char* toolkit;   // what compiled it: "CUDA 13.0"

  // The number of devices, and in `text` one line each: what it is, a tab, and why it cannot be used, if so. 0, and in
  // `text` the reason, where there is none: "no NVIDIA driver is installed".
  int (*probe)(char* text, int64_t capacity);

  // The backend on that device, owned by the caller (deleted through its virtual destructor); null, and in `text` the
  // sentence of an Error, where it cannot be had.
  Backend* (*create)(int device, char* text, int64_t capacity);

  // Bytes of the device's memory that nobody has, told without touching the device; below 0 where that is not known.
  int64_t (*free_memory)(int device);

  // What this machine offers it, for a report: a line each, its parts set apart by tabs. "driver VERSION", "library
  // NAME VERSION FILE", and "missing REASON", where the reason may also be the part of a sentence after "because".
  void (*describe)(char* text, int64_t capacity);

  // How that backend's functions are called.
  PluginCalls calls;
};

constexpr uint32_t kPluginAbi = 4;  // of this struct itself
constexpr const char* kPluginEntry = "cheems_plugin_entry";
using PluginEntry = const PluginTable* (*)();

}  // namespace cheems
