#include "causal_object.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/plugin_loader.h"
#include "convert.h"
#include "core/error.h"
#include "core/micro_batch_tokens.h"
#include "requests.h"

namespace cheems::bindings {

generation::NextTokenReader& CausalState::reader_for(int64_t micro_batch_tokens) {
  if (!reader || reader_tokens != micro_batch_tokens) {
    reader.reset();  // before the next one takes memory
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

// What fills half of the memory that the loaded weights leave; the other half is the cache's.
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

Handle<CausalState>& causal_from(Napi::Value value) {
  auto& handle = handle_from<CausalState>(value);
  if (handle.state->disposed)
    fail_with(error_codes::kDisposed, "The language model has been disposed: load it again to go on using it.");
  return handle;
}

Handle<GenerationState>& generation_from(Napi::Value value) {
  auto& handle = handle_from<GenerationState>(value);
  if (handle.state->disposed)
    fail_with(error_codes::kDisposed, "The generation has been disposed: start another from the model.");
  if (handle.state->model->disposed)
    fail_with(error_codes::kDisposed,
              "The generation's language model has been disposed: load it again to go on generating.");
  return handle;
}

generation::GenerationOptions options_from(Napi::Value value, int64_t prompts) {
  generation::GenerationOptions options = read_options<GenerationRequest>(value).options;
  generation::check_sampling(options.sampling);
  if (value.As<Napi::Object>().Get("maxNewTokens").IsNumber()) {
    options.max_new_tokens.assign(static_cast<size_t>(prompts), options.max_new_tokens.front());
  }
  return options;
}

}  // namespace

Napi::Value load_causal_model(const Napi::CallbackInfo& info) {
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
        ArchitectureInfo architecture = info_of(state->model->architecture());
        architecture.parameters = layout.count();
        if (state->model->keeps_output_layer()) architecture.keeps_output_layer = true;
        Napi::Object result = Napi::Object::New(env);
        result.Set("architecture", write_result(env, architecture));
        result.Set("device", state->backend->name());
        result.Set("deviceChoice", "Device: " + state->device_choice + ".");
        result.Set("precision", name(state->model->precision()));
        result.Set("microBatchTokens", static_cast<double>(state->micro_batch_tokens));
        const int64_t bytes = layout.bytes() + kUncountedModelBytes;
        result.Set("handle", make_handle(env, std::move(state), bytes));
        return result;
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), info.Env().Undefined());
}

Napi::Value next_tokens(const Napi::CallbackInfo& info) {
  auto& handle = causal_from(info[0]);
  const auto request = read_options<NextTokenRequest>(info[2]);
  auto job = std::make_shared<ComputeJob<generation::NextTokens>>(
      "reading next tokens",
      [state = handle.state, prompts = samples_from(info[1]), request](const Control& control) {
        return state->reader_for(request.micro_batch_tokens).read(prompts.view(), request.count, control);
      },
      [](Napi::Env env, generation::NextTokens& tokens) -> Napi::Value { return write_result(env, tokens); });
  handle.state->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info[3]);
}

Napi::Value causal_model_notes(const Napi::CallbackInfo& info) {
  const auto& state = *handle_from<CausalState>(info[0]).state;
  return to_js(info.Env(), state.disposed ? std::vector<BackendNote>{} : state.backend->notes());
}

Napi::Value dispose_causal_model(const Napi::CallbackInfo& info) {
  auto& handle = handle_from<CausalState>(info[0]);
  handle.state->disposed = true;
  handle.state->jobs.cancel_all(*handle.thread, "The language model was disposed before this work was done.");
  handle.report_freed(info.Env());
  auto job = std::make_shared<ComputeJob<Nothing>>(
      "freeing a language model",
      [state = handle.state](const Control&) {
        state->free();
        return Nothing{};
      },
      undefined);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

Napi::Value start_generation(const Napi::CallbackInfo& info) {
  auto& handle = causal_from(info[0]);
  auto prompts = samples_from(info[1]);
  auto options = options_from(info[2], prompts.count());
  using Started = std::shared_ptr<GenerationState>;
  auto job = std::make_shared<ComputeJob<Started>>(
      "starting to generate",
      [model = handle.state, prompts = std::move(prompts), options = std::move(options)](const Control&) {
        auto state = std::make_shared<GenerationState>();
        state->model = model;
        state->generator = std::make_unique<generation::Generator>(*model->model, prompts.view(), options);
        std::erase_if(model->generations, [](const std::weak_ptr<GenerationState>& entry) { return entry.expired(); });
        model->generations.push_back(state);
        return state;
      },
      [](Napi::Env env, Started& state) { return make_handle(env, std::move(state), 0); });
  handle.state->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

Napi::Value advance_generation(const Napi::CallbackInfo& info) {
  auto& handle = generation_from(info[0]);
  using Advanced = generation::Generator::Advanced;
  auto job = std::make_shared<ComputeJob<Advanced>>(
      "generating",
      [state = handle.state, steps = int32_from(info[1], "steps"),
       stop = info[2].IsUndefined() ? std::vector<int32_t>() : int32s_from(info[2], "stop")](const Control& control) {
        return state->generator->advance(steps, stop, control);
      },
      [](Napi::Env env, Advanced& advanced) -> Napi::Value { return write_result(env, advanced); });
  handle.state->jobs.add(job);
  handle.state->model->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info[3]);
}

Napi::Value dispose_generation(const Napi::CallbackInfo& info) {
  auto& handle = handle_from<GenerationState>(info[0]);
  handle.state->disposed = true;
  handle.state->jobs.cancel_all(*handle.thread, "The generation was disposed before this work was done.");
  auto job = std::make_shared<ComputeJob<Nothing>>(
      "freeing a generation",
      [state = handle.state](const Control&) {
        state->generator.reset();
        return Nothing{};
      },
      undefined);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

}  // namespace cheems::bindings
