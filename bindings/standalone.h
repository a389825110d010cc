// Calls that need no model in memory.
#pragma once

#include <napi.h>

namespace cheems::bindings {

Napi::Value engine_info(const Napi::CallbackInfo& info);                   // () -> EngineInfo
Napi::Value add_plugin_folder_of_package(const Napi::CallbackInfo& info);  // (folder) -> undefined
Napi::Value lock_file(const Napi::CallbackInfo& info);                     // (descriptor) -> 0 or errno
Napi::Value read_architecture(const Napi::CallbackInfo& info);             // (folder) -> ArchitectureInfo
Napi::Value use_error_class(const Napi::CallbackInfo& info);               // (class) -> undefined
Napi::Value initialize(const Napi::CallbackInfo& info);                    // (options) -> undefined
Napi::Value plan_memory(const Napi::CallbackInfo& info);                   // (request) -> MemoryPlan

}  // namespace cheems::bindings
