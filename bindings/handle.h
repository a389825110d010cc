// A JS value that stands for an object of the engine: a tagged External, whose finalizer gives the object's memory
// back on the engine thread. Jobs hold the object itself, so a handle may be collected while work goes on.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "core/error.h"
#include "engine_thread.h"

namespace cheems::bindings {

// The instance data of an environment.
struct Environment {
  std::shared_ptr<EngineThread> thread;
};
inline const std::shared_ptr<EngineThread>& engine_thread(Napi::Env env) {
  return env.GetInstanceData<Environment>()->thread;
}

// What a model takes beside its weights that no plan counts: threads, buffers of its batches, its tokenizer on the side
// of JavaScript. Reported too, so that dropped small models are collected before there are many.
inline constexpr int64_t kUncountedModelBytes = INT64_C(32) << 20;

// State: has `static constexpr napi_type_tag kTag` and `static constexpr const char* kName`.
template <class State>
struct Handle {
  std::shared_ptr<State> state;
  std::shared_ptr<EngineThread> thread;
  int64_t reported_bytes = 0;  // to the garbage collector, which knows nothing of the engine's memory otherwise

  // Tells the garbage collector that the memory is gone, or will be as soon as running work has stopped.
  void report_freed(Napi::Env env) {
    if (reported_bytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -reported_bytes);
    reported_bytes = 0;
  }
};

template <class State>
Napi::Value make_handle(Napi::Env env, std::shared_ptr<State> state, int64_t bytes) {
  auto* handle = new Handle<State>{std::move(state), engine_thread(env), bytes};
  auto external = Napi::External<Handle<State>>::New(env, handle, [](Napi::Env env, Handle<State>* collected) {
    const std::unique_ptr<Handle<State>> owned(collected);
    owned->report_freed(env);
    owned->thread->release_later([state = std::move(owned->state)]() mutable { state.reset(); });
  });
  if (napi_type_tag_object(env, external, &State::kTag) != napi_ok) throw Napi::Error::New(env);
  if (bytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  return external;
}

template <class State>
Handle<State>& handle_from(Napi::Value value) {
  bool matches = false;
  if (!value.IsExternal() || napi_check_object_type_tag(value.Env(), value, &State::kTag, &matches) != napi_ok ||
      !matches) {
    fail("This is not a ", State::kName, " of the engine.");
  }
  return *value.As<Napi::External<Handle<State>>>().Data();
}

}  // namespace cheems::bindings
