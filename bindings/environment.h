// What the addon keeps for each Node environment (the main thread, or a worker) that loads it.
#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <string>

#include "engine_thread.h"

namespace cheems::bindings {

struct Environment {
  std::shared_ptr<EngineThread> thread;
  std::map<std::string, Napi::FunctionReference> classes;  // by EngineObject's State::kName
  Napi::FunctionReference error_class;                     // lib's EngineError (code, message); empty: errors are Error
};

inline Environment& environment(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
inline const std::shared_ptr<EngineThread>& engine_thread(Napi::Env env) { return environment(env).thread; }

}  // namespace cheems::bindings
