// A causal language model as JS sees it, and the generations that run on it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "generation/generator.h"
#include "generation/next_token_reader.h"
#include "handle.h"
#include "job.h"
#include "model/causal_model.h"

namespace cheems::bindings {

struct GenerationState;

struct CausalState {
  static constexpr napi_type_tag kTag = {0x5d0e7b91c4f24a68, 0xb3c81f6a2e9d7054};
  static constexpr const char* kName = "language model";

  // Engine thread. Freed in the opposite order: each refers to those before it.
  std::unique_ptr<Backend> backend;
  std::string device_choice;  // what was taken and why
  std::unique_ptr<model::CausalModel> model;
  std::unique_ptr<generation::NextTokenReader> reader;  // kept for the next call with the same micro-batches
  int64_t reader_tokens = 0;
  int64_t micro_batch_tokens = 0;  // where nobody says how many
  std::vector<std::weak_ptr<GenerationState>> generations;

  generation::NextTokenReader& reader_for(int64_t micro_batch_tokens);
  void free();

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

// Keeps its model in memory, even when nothing else does.
struct GenerationState {
  static constexpr napi_type_tag kTag = {0x8f42a6d3917b4ce5, 0x9a06e1d85b73c2f4};
  static constexpr const char* kName = "generation";

  std::shared_ptr<CausalState> model;
  std::unique_ptr<generation::Generator> generator;  // engine thread

  // JS thread.
  bool disposed = false;
  JobList jobs;
};

Napi::Value load_causal_model(
    const Napi::CallbackInfo& info);  // (options) -> { handle, architecture, device, deviceChoice, precision }
Napi::Value next_tokens(
    const Napi::CallbackInfo& info);  // (model, prompts, options, onProgress) -> { ids, logProbabilities }
Napi::Value causal_model_notes(const Napi::CallbackInfo& info);    // (model) -> [{ text, count }], at once
Napi::Value dispose_causal_model(const Napi::CallbackInfo& info);  // (model) -> undefined
Napi::Value start_generation(const Napi::CallbackInfo& info);      // (model, prompts, options) -> generation
Napi::Value advance_generation(
    const Napi::CallbackInfo& info);  // (generation, steps, stop, onProgress) -> { tokens, counts, finished }
Napi::Value dispose_generation(const Napi::CallbackInfo& info);  // (generation) -> undefined

}  // namespace cheems::bindings
