// A trainer as JS sees it. It keeps its model in memory, even if nothing else does.
#pragma once

#include <napi.h>

#include <memory>

#include "model_object.h"
#include "training/trainer.h"

namespace cheems::bindings {

struct TrainerState {
  static constexpr napi_type_tag kTag = {0x71d2e8c60b5f49a3, 0xb1f0934ad87c26e5};
  static constexpr const char* kName = "trainer";

  std::shared_ptr<ModelState> model;
  std::unique_ptr<training::Trainer> trainer;  // engine thread

  void free() { trainer.reset(); }

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

class TrainerObject : public EngineObject<TrainerObject, TrainerState> {
 public:
  using EngineObject::EngineObject;
  static void define(Napi::Env env, Napi::Object exports);
  // The job that creates a model's trainer.
  static std::shared_ptr<Job> creation(std::shared_ptr<ModelState> model, Napi::Value options);
  Napi::Value step(const Napi::CallbackInfo& info);            // (batch, comparisons, optimizer, work) -> StepResult
  Napi::Value score(const Napi::CallbackInfo& info);           // (batch, work) -> ScoreResult
  Napi::Value save_optimizer(const Napi::CallbackInfo& info);  // (file)
  Napi::Value load_optimizer(const Napi::CallbackInfo& info);  // (file)

 private:
  void require_usable() const;  // throws Error if it or its model has been disposed
  // Disposing either the trainer or its model stops the job.
  Napi::Value start_here(const Napi::CallbackInfo& info, std::shared_ptr<Job> job, const Work& work = {});
};

}  // namespace cheems::bindings
