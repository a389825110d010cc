// The plug-in's side of plugin_calls.h: each function runs the member function and turns an exception into a text.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>
#include <type_traits>

#include "backends/plugin_calls.h"
#include "core/error.h"

namespace cheems {

inline void put_text(std::string_view text, PluginText to) {
  if (to.capacity <= 0) return;
  const auto length = std::min(text.size(), static_cast<size_t>(to.capacity) - 1);
  std::memcpy(to.at, text.data(), length);
  to.at[length] = 0;
}

template <class Body>
PluginOutcome guarded(PluginText text, Body body) noexcept {
  try {
    body();
    return PluginOutcome::done;
  } catch (const Error& error) {
    put_text(error.what(), text);
    return PluginOutcome::error;
  } catch (const std::exception& error) {
    put_text(error.what(), text);
    return PluginOutcome::failure;
  } catch (...) {
    put_text("an exception without a text", text);
    return PluginOutcome::failure;
  }
}

template <auto Function, class Type = decltype(Function)>
struct Guarded;
template <auto Function, class Object, class Result, class... Arguments>
struct Guarded<Function, Result (Object::*)(Arguments...)> {
  static PluginOutcome call(PluginText text, Object& object, Result* result, Arguments... arguments) {
    return guarded(text, [&] {
      if constexpr (std::is_void_v<Result>) (object.*Function)(arguments...);
      else *result = (object.*Function)(arguments...);
    });
  }
};
template <auto Function, class Object, class Result, class... Arguments>
struct Guarded<Function, Result (Object::*)(Arguments...) const> {
  static PluginOutcome call(PluginText text, const Object& object, Result* result, Arguments... arguments) {
    return guarded(text, [&] {
      if constexpr (std::is_void_v<Result>) (object.*Function)(arguments...);
      else *result = (object.*Function)(arguments...);
    });
  }
};

constexpr PluginCalls guarded_calls() {
  PluginCalls calls{};
#define CHEEMS_TAKE(function) calls.backend.function = &Guarded<&Backend::function>::call;
  CHEEMS_BACKEND_CALLS(CHEEMS_TAKE)
#undef CHEEMS_TAKE
  calls.operations.workspace_bytes = &Guarded<&Operations::workspace_bytes>::call;
  calls.operations.set_workspace = &Guarded<&Operations::set_workspace>::call;
  calls.operations.begin_batch = &Guarded<&Operations::begin_batch>::call;
#define CHEEMS_TAKE(function, Contract, ...) calls.operations.function = &Guarded<&Operations::function>::call;
  CHEEMS_OPERATIONS(CHEEMS_TAKE)
#undef CHEEMS_TAKE
  return calls;
}

}  // namespace cheems
