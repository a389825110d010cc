// A causal language model as JS sees it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "generation/next_token_reader.h"
#include "engine_object.h"
#include "job.h"
#include "model/causal_model.h"

namespace cheems::bindings {

struct GenerationState;

struct CausalState {
  static constexpr napi_type_tag kTag = {0x5d0e7b91c4f24a68, 0xb3c81f6a2e9d7054};
  static constexpr const char* kName = "language model";

  // Engine thread. Freed in reverse order: each refers to those before it.
  std::unique_ptr<Backend> backend;
  std::string device_choice;  // which device was chosen and why
  std::unique_ptr<model::CausalModel> model;
  std::unique_ptr<generation::NextTokenReader> reader;  // kept for the next call with the same micro-batches
  int64_t reader_tokens = 0;
  int64_t micro_batch_tokens = 0;  // the default if a call gives none
  std::vector<std::weak_ptr<GenerationState>> generations;

  generation::NextTokenReader& reader_for(int64_t micro_batch_tokens);
  void free();

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

class CausalModelObject : public EngineObject<CausalModelObject, CausalState> {
 public:
  using EngineObject::EngineObject;
  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Value load(const Napi::CallbackInfo& info);       // (options, work) -> CausalModel
  Napi::Value next_tokens(const Napi::CallbackInfo& info);       // (prompts, options, work) -> NextTokens
  Napi::Value start_generation(const Napi::CallbackInfo& info);  // (prompts, options, work) -> Generation
  Napi::Value notes(const Napi::CallbackInfo& info);             // () -> [{ text, count }], at once

 private:
  void require_usable() const;  // throws Error if it has been disposed
};

}  // namespace cheems::bindings
