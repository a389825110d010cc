// A generation as JS sees it: texts that a language model is generating.
#pragma once

#include <napi.h>

#include <memory>

#include "causal_model_object.h"
#include "generation/generator.h"

namespace cheems::bindings {

// Keeps its model in memory, even if nothing else does.
struct GenerationState {
  static constexpr napi_type_tag kTag = {0x8f42a6d3917b4ce5, 0x9a06e1d85b73c2f4};
  static constexpr const char* kName = "generation";

  std::shared_ptr<CausalState> model;
  std::unique_ptr<generation::Generator> generator;  // engine thread

  void free() { generator.reset(); }

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

class GenerationObject : public EngineObject<GenerationObject, GenerationState> {
 public:
  using EngineObject::EngineObject;
  static void define(Napi::Env env, Napi::Object exports);
  // The job that starts a generation on a model.
  static std::shared_ptr<Job> beginning(std::shared_ptr<CausalState> model, Napi::Value prompts, Napi::Value options);
  Napi::Value advance(const Napi::CallbackInfo& info);  // (steps, { stop } and work) -> GenerationStep

 private:
  void require_usable() const;  // throws Error if it or its model has been disposed
};

}  // namespace cheems::bindings
