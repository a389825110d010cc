#include "causal_model_object.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/plugin_loader.h"
#include "convert.h"
#include "core/error.h"
#include "core/micro_batch_tokens.h"
#include "generation_object.h"
#include "requests.h"

namespace cheems::bindings {

generation::NextTokenReader& CausalState::reader_for(int64_t micro_batch_tokens) {
  if (!reader || reader_tokens != micro_batch_tokens) {
    reader.reset();  // before the next one allocates memory
    reader = std::make_unique<generation::NextTokenReader>(*model, micro_batch_tokens);
    reader_tokens = micro_batch_tokens;
  }
  return *reader;
}

void CausalState::free() {
  for (const auto& entry : std::exchange(generations, {})) {
    if (const auto started = entry.lock()) started->generator.reset();
  }
  reader.reset();
  model.reset();
  backend.reset();
}

namespace {

// As many tokens as fill half of the memory that the loaded weights leave; the other half is for the cache.
int64_t usual_micro_batch(const CausalState& state, int64_t reserve) {
  Backend& backend = *state.backend;
  const int64_t memory =
      std::max<int64_t>(0, backend.available_memory() - (reserve < 0 ? backend.memory_reserve() : reserve)) / 2;
  return choose_micro_batch_tokens(
      {.usual = generation::GenerationOptions{}.micro_batch_tokens,
       .useful = backend.useful_micro_batch(),
       .most = 0,
       .memory = memory},
      [&](int64_t tokens) { return generation::NextTokenReader::planned_bytes(*state.model, tokens); });
}

}  // namespace

void CausalModelObject::define(Napi::Env env, Napi::Object exports) {
  define_class(env, exports, "CausalModel",
               {static_work<&CausalModelObject::load>("load"),
                work<&CausalModelObject::next_tokens>("nextTokenLogProbabilities"),
                work<&CausalModelObject::start_generation>("startGeneration"),
                InstanceMethod("notes", &CausalModelObject::notes, napi_default_method)});
}

void CausalModelObject::require_usable() const {
  if (state()->disposed)
    fail_with(error_codes::kDisposed, "The language model has been disposed: load it again to go on using it.");
}

Napi::Value CausalModelObject::load(const Napi::CallbackInfo& info) {
  auto request = read_options<CausalRequest>(info[0]);
  using Loaded = std::shared_ptr<CausalState>;
  auto job = std::make_shared<ComputeJob<Loaded>>(
      Purpose("loading a language model", error_codes::kModelFile),
      [request = std::move(request)](const Control& control) {
        auto state = std::make_shared<CausalState>();
        state->backend = backend_for(request.device, state->device_choice);
        state->model = model::CausalModel::load(request.load, *state->backend);
        state->micro_batch_tokens = usual_micro_batch(*state, request.device.memory_reserve);
        control.check();
        return state;
      },
      [](Napi::Env env, Loaded& state) -> Napi::Value {
        const auto& layout = state->model->parameters().layout();
        CausalModelInfo described{info_of(state->model->architecture()), state->backend->name(),
                                  "Device: " + state->device_choice + ".", state->model->precision(),
                                  state->micro_batch_tokens};
        described.architecture.parameters = layout.count();
        if (state->model->keeps_output_layer()) described.architecture.keeps_output_layer = true;
        const int64_t bytes = layout.bytes() + kUncountedModelBytes;
        const Napi::Object model = make(env, std::move(state), bytes);
        write_properties(model, described);
        return model;
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), work_from(info[1]), OnAbort::abandon);
}

Napi::Value CausalModelObject::next_tokens(const Napi::CallbackInfo& info) {
  require_usable();
  const auto request = read_options<NextTokenRequest>(info[1]);
  auto job = std::make_shared<ComputeJob<generation::NextTokens>>(
      "reading next tokens",
      [state = state(), prompts = samples_from(info[0]), request](const Control& control) {
        return state->reader_for(request.micro_batch_tokens).read(prompts.view(), request.count, control);
      },
      [](Napi::Env env, generation::NextTokens& tokens) -> Napi::Value { return write_result(env, tokens); });
  state()->jobs.add(job);
  return start(info.Env(), thread(), std::move(job), work_from(info[2]));
}

Napi::Value CausalModelObject::start_generation(const Napi::CallbackInfo& info) {
  require_usable();
  auto job = GenerationObject::beginning(state(), info[0], info[1]);
  state()->jobs.add(job);
  return start(info.Env(), thread(), std::move(job), work_from(info[2]), OnAbort::abandon);
}

Napi::Value CausalModelObject::notes(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), state()->disposed ? std::vector<BackendNote>{} : state()->backend->notes());
}

}  // namespace cheems::bindings
