// What the addon exports. lib/engine is the only caller; its addon.ts has the types.
#include <napi.h>

#include <memory>
#include <vector>

#include "causal_model_object.h"
#include "convert.h"
#include "engine_thread.h"
#include "environment.h"
#include "generation_object.h"
#include "model_object.h"
#include "schema.h"
#include "standalone.h"
#include "trainer_object.h"

namespace cheems::bindings {
namespace {

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<function>>(exports.Env(), name));
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void add_work(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<promised<function>>(exports.Env(), name));
}

// process.exit() runs no cleanup hook of the main environment, and the handlers of exit() come too late for work that
// opens a library: what the library has just registered is torn down first, while the thread is still setting it up.
// One listener per JS thread: tools that reload modules for each test load the addon just as often.
void stop_when_process_exits(Napi::Env env, const std::shared_ptr<EngineThread>& thread) {
  static thread_local std::vector<std::weak_ptr<EngineThread>> threads;
  threads.push_back(thread);
  if (threads.size() > 1) return;
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto stop = Napi::Function::New(env, [](const Napi::CallbackInfo&) {
    for (const auto& entry : threads) {
      if (const auto engine_thread = entry.lock()) engine_thread->stop();
    }
  });
  process.Get("on").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), stop});
}

Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment{EngineThread::create(), {}, {}};
  env.SetInstanceData<Environment>(environment);
  // Runs on the JS thread when the environment ends (a worker terminates, the event loop is empty), before JS values
  // are destroyed.
  napi_add_env_cleanup_hook(
      env, [](void* thread) { static_cast<EngineThread*>(thread)->stop(); }, environment->thread.get());
  stop_when_process_exits(env, environment->thread);
  add<engine_info>(exports, "info");
  add<schema>(exports, "schema");
  add<add_plugin_folder_of_package>(exports, "addPluginFolder");
  add<lock_file>(exports, "lockFile");
  add<use_error_class>(exports, "useErrorClass");
  add_work<read_architecture>(exports, "readArchitecture");
  add_work<initialize>(exports, "initialize");
  add_work<plan_memory>(exports, "planMemory");
  ModelObject::define(env, exports);
  TrainerObject::define(env, exports);
  CausalModelObject::define(env, exports);
  GenerationObject::define(env, exports);
  return exports;
}

}  // namespace
}  // namespace cheems::bindings

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return cheems::bindings::initialize_addon(env, exports);
}
NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
