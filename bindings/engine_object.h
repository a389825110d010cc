// A JS object that represents an object of the engine. Its finalizer frees the object's memory on the engine thread.
// Jobs hold the engine's object itself, so the JS object may be collected while work continues.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "core/error.h"
#include "environment.h"
#include "job.h"

namespace cheems::bindings {

// Memory of a model besides its weights that no plan counts: threads, buffers of its batches, its tokenizer in
// JavaScript. It is reported too, so that small models that are no longer used are collected before there are many.
inline constexpr int64_t kUncountedModelBytes = INT64_C(32) << 20;

// The base of the addon's classes. `State` is the engine's part of an object: it has
//   static constexpr napi_type_tag kTag;   static constexpr const char* kName;   // "model"
//   void free();       // on the engine thread
//   bool disposed;     // on the JS thread, as
//   JobList jobs;
template <class Class, class State>
class EngineObject : public Napi::ObjectWrap<Class> {
  struct Made {
    std::shared_ptr<State> state;
    int64_t bytes;
  };
  using Wrap = Napi::ObjectWrap<Class>;

 public:
  // Reports `bytes` to the garbage collector, which otherwise does not see the engine's memory.
  static Napi::Object make(Napi::Env env, std::shared_ptr<State> state, int64_t bytes) {
    Made made{std::move(state), bytes};
    const auto external = Napi::External<Made>::New(env, &made);
    if (napi_type_tag_object(env, external, &State::kTag) != napi_ok) throw Napi::Error::New(env);
    return environment(env).classes.at(State::kName).New({external});
  }

  explicit EngineObject(const Napi::CallbackInfo& info)
      : Wrap(info), env_(info.Env()), thread_(engine_thread(info.Env())) {
    bool matches = false;
    if (!info[0].IsExternal() || napi_check_object_type_tag(env_, info[0], &State::kTag, &matches) != napi_ok ||
        !matches) {
      throw Napi::TypeError::New(env_, std::string("The engine itself makes each ") + State::kName + ".");
    }
    auto& made = *info[0].As<Napi::External<Made>>().Data();
    state_ = std::move(made.state);
    reported_bytes_ = made.bytes;
    if (reported_bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(env_, reported_bytes_);
    this->Value().Set("disposed", false);
  }

  ~EngineObject() override {
    report_freed();
    thread_->release_later([state = std::move(state_)]() mutable { state.reset(); });
  }

 protected:
  using Methods = std::vector<typename Wrap::PropertyDescriptor>;

  // Exports the class under `name`, with `methods` and dispose.
  static void define_class(Napi::Env env, Napi::Object exports, const char* name, Methods methods) {
    methods.push_back(work<&EngineObject::dispose>("dispose"));
    const Napi::Function constructor = Wrap::DefineClass(env, name, methods);
    environment(env).classes[State::kName] = Napi::Persistent(constructor);
    exports.Set(name, constructor);
  }

  // A method that returns a promise; whatever it throws rejects the promise. As the methods of a class in JavaScript,
  // it may be replaced, which benchmarks do to time it.
  template <auto method>
  static typename Wrap::PropertyDescriptor work(const char* name) {
    return Wrap::InstanceMethod(
        name, static_cast<typename Wrap::InstanceMethodCallback>(&EngineObject::template promise<method>),
        napi_default_method);
  }

  // A static function of the class that returns a promise.
  template <Napi::Value (*function)(const Napi::CallbackInfo&)>
  static typename Wrap::PropertyDescriptor static_work(const char* name) {
    return Wrap::StaticMethod(name, &promised<function>, napi_default_method);
  }

  // Frees the memory once running work has stopped; waiting work is canceled.
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    state_->disposed = true;
    this->Value().Set("disposed", true);
    const std::string name = State::kName;
    state_->jobs.cancel_all(*thread_, "The " + name + " was disposed before this work was done.");
    report_freed();
    return start(info.Env(), thread_,
                 std::make_shared<ComputeJob<Nothing>>(
                     Purpose("freeing a " + name),
                     [state = state_](const Control&) {
                       state->free();
                       return Nothing{};
                     },
                     undefined));
  }

  const std::shared_ptr<State>& state() const { return state_; }
  const std::shared_ptr<EngineThread>& thread() const { return thread_; }

 private:
  template <auto method>
  Napi::Value promise(const Napi::CallbackInfo& info) {
    return promise_of(info.Env(), [&] { return (static_cast<Class*>(this)->*method)(info); });
  }

  // Tells the garbage collector that the memory is freed, or will be as soon as running work has stopped.
  void report_freed() {
    if (reported_bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(env_, -reported_bytes_);
    reported_bytes_ = 0;
  }

  const Napi::Env env_;
  const std::shared_ptr<EngineThread> thread_;
  std::shared_ptr<State> state_;
  int64_t reported_bytes_ = 0;
};

}  // namespace cheems::bindings
