// A trainer as JS sees it. It keeps its model in memory, even when nothing else does.
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

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

Napi::Value create_trainer(const Napi::CallbackInfo& info);  // (model, options) -> trainer
Napi::Value train_step(const Napi::CallbackInfo& info);  // (trainer, batch, pairs, optimizer, onProgress) -> StepResult
Napi::Value trainer_score(const Napi::CallbackInfo& info);    // (trainer, batch, onProgress) -> ScoreResult
Napi::Value save_optimizer(const Napi::CallbackInfo& info);   // (trainer, file) -> undefined
Napi::Value load_optimizer(const Napi::CallbackInfo& info);   // (trainer, file) -> undefined
Napi::Value dispose_trainer(const Napi::CallbackInfo& info);  // (trainer) -> undefined

}  // namespace cheems::bindings
