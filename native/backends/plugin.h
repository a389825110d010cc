// How the engine and a backend that lives in its own library meet: one exported C function that returns this table.
//
// The engine links nothing of NVIDIA's; libcheems_cuda.so does, and is opened when it is there. Both come out of one build:
// the build id is made of the headers that both compile (backend.h, operations.h and what they include), so that a library
// of another build is refused before a virtual function of it is called. Backend and Operations cross as C++ objects, exceptions
// do not (plugin_calls.h).
#pragma once

#include <cstdint>

#include "backends/plugin_calls.h"

namespace cheems {

struct PluginTable {
  uint32_t abi;          // kPluginAbi of the plug-in's build
  const char* build_id;  // CHEEMS_PLUGIN_BUILD_ID of the plug-in's build

  // The number of devices, and in `text` one line each: what it is, or nothing where it cannot be used. 0, and in `text` the
  // reason, where there is none: "no NVIDIA driver is installed".
  int (*probe)(char* text, int64_t capacity);

  // The backend on that device, owned by the caller (deleted through its virtual destructor); null, and in `text` the
  // sentence of an Error, where it cannot be had.
  Backend* (*create)(int device, char* text, int64_t capacity);

  // How that backend's functions are called.
  PluginCalls calls;
};

constexpr uint32_t kPluginAbi = 2;  // of this struct itself
constexpr const char* kPluginEntry = "cheems_plugin_entry";
using PluginEntry = const PluginTable* (*)();

}  // namespace cheems
