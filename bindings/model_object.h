// A reward model as JS sees it, and what the engine keeps for it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "engine_object.h"
#include "inference/scorer.h"
#include "job.h"
#include "model/reward_model.h"

namespace cheems::bindings {

struct TrainerState;

struct ModelState {
  static constexpr napi_type_tag kTag = {0x3f6b1c2a9d0e4d51, 0x8a27c5e14b90f3d2};
  static constexpr const char* kName = "model";

  // Engine thread. Freed in reverse order: each refers to those before it.
  std::unique_ptr<Backend> backend;
  std::string device_choice;  // which device was chosen and why
  std::unique_ptr<model::RewardModel> model;
  std::unique_ptr<inference::Scorer> scorer;  // kept for the next call with the same options
  inference::ScorerOptions scorer_options;
  int64_t micro_batch_tokens = 0;  // the default of scoring
  std::vector<std::weak_ptr<TrainerState>> trainers;

  inference::Scorer& scorer_for(const inference::ScorerOptions& options);
  void free();

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

class ModelObject : public EngineObject<ModelObject, ModelState> {
 public:
  using EngineObject::EngineObject;
  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Value load(const Napi::CallbackInfo& info);     // (options, work) -> Model
  Napi::Value score(const Napi::CallbackInfo& info);           // (batch, options and work) -> ScoreResult
  Napi::Value save_weights(const Napi::CallbackInfo& info);    // (file, dtype)
  Napi::Value create_trainer(const Napi::CallbackInfo& info);  // (options) -> Trainer
  Napi::Value notes(const Napi::CallbackInfo& info);           // () -> [{ text, count }], at once

 private:
  void require_usable() const;  // throws Error if it has been disposed
};

}  // namespace cheems::bindings
