// How the engine calls a backend in a plug-in: through C functions of the plug-in, which let no exception escape. Both
// libraries have the C++ library linked into them, each with its own unwinder; an unwinder that meets the other's
// frames ends the process.
//
// A function of Backend that can throw is listed in CHEEMS_BACKEND_CALLS; PluginBackend (plugin_backend.cpp) has all
// functions.
#pragma once

#include <cstdint>

#include "backends/backend.h"
#include "ops/operations.h"

#define CHEEMS_BACKEND_CALLS(call)                                                                         \
  call(name) call(description) call(facts) call(allocate) call(upload) call(download) call(download_later) \
      call(arrived) call(wait_for) call(finish) call(zero) call(available_memory) call(notes)

namespace cheems {

// How a call ended: without an error, with a cheems::Error, or with any other exception.
enum class PluginOutcome : int32_t { done, error, failure };

// Where the sentence of an exception goes: a C string, cut if it is longer.
struct PluginText {
  char* at;
  int64_t capacity;
};

// The C function for a member function. A result is assigned to *result.
template <class Function>
struct PluginCallOf;
template <class Object, class Result, class... Arguments>
struct PluginCallOf<Result (Object::*)(Arguments...)> {
  using Type = PluginOutcome (*)(PluginText, Object&, Result* result, Arguments...);
};
template <class Object, class Result, class... Arguments>
struct PluginCallOf<Result (Object::*)(Arguments...) const> {
  using Type = PluginOutcome (*)(PluginText, const Object&, Result* result, Arguments...);
};
template <auto Function>
using PluginCall = typename PluginCallOf<decltype(Function)>::Type;

struct BackendCalls {
#define CHEEMS_DECLARE(function) PluginCall<&Backend::function> function;
  CHEEMS_BACKEND_CALLS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

struct OperationsCalls {
  PluginCall<&Operations::workspace_bytes> workspace_bytes;
  PluginCall<&Operations::set_workspace> set_workspace;
  PluginCall<&Operations::begin_batch> begin_batch;
#define CHEEMS_DECLARE(function, Contract, ...) PluginCall<&Operations::function> function;
  CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

struct PluginCalls {
  BackendCalls backend;
  OperationsCalls operations;
};

}  // namespace cheems
