// The engine's side of plugin_calls.h.
#pragma once

#include <memory>

#include "backends/plugin_calls.h"

namespace cheems {

// The plug-in's backend as one of the engine's own: calls go through `calls`, and errors of the plug-in are rethrown
// here.
std::unique_ptr<Backend> backend_of_plugin(std::unique_ptr<Backend> backend, const PluginCalls& calls);

}  // namespace cheems
