#include "model_object.h"

#include <algorithm>
#include <utility>

#include "backends/plugin_loader.h"
#include "convert.h"
#include "core/error.h"
#include "core/micro_batch_tokens.h"
#include "requests.h"
#include "trainer_object.h"

namespace cheems::bindings {
namespace {

// As many tokens as fill the memory that the loaded weights leave, on a backend where that helps.
int64_t usual_micro_batch(const ModelState& state, int64_t reserve) {
  Backend& backend = *state.backend;
  const auto& architecture = state.model->architecture();
  const inference::ScorerOptions usual;
  const int64_t longest =
      std::min(usual.micro_batch_tokens, std::max<int64_t>(1, architecture.max_position_embeddings));
  const int64_t memory =
      std::max<int64_t>(0, backend.available_memory() - (reserve < 0 ? backend.memory_reserve() : reserve));
  const auto bytes = [&](int64_t tokens) {
    MemoryPlan plan;
    inference::Scorer::plan(
        architecture, {.micro_batch_tokens = tokens}, state.model->activations(), longest,
        [&](const WorkspaceRequest& request) { return backend.operations().workspace_bytes(request); }, plan);
    return plan.total();
  };
  return choose_micro_batch_tokens(
      {.usual = usual.micro_batch_tokens, .useful = backend.useful_micro_batch(), .most = 0, .memory = memory}, bytes);
}

}  // namespace

inference::Scorer& ModelState::scorer_for(const inference::ScorerOptions& options) {
  const bool same = scorer && scorer_options.micro_batch_tokens == options.micro_batch_tokens &&
                    scorer_options.share_prompts == options.share_prompts;
  if (!same) {
    scorer.reset();  // before the next one allocates memory
    scorer = std::make_unique<inference::Scorer>(*model, options);
    scorer_options = options;
  }
  return *scorer;
}

void ModelState::free() {
  for (const auto& entry : std::exchange(trainers, {})) {
    if (const auto trainer = entry.lock()) trainer->trainer.reset();
  }
  scorer.reset();
  model.reset();
  backend.reset();
}

void ModelObject::define(Napi::Env env, Napi::Object exports) {
  define_class(env, exports, "Model",
               {static_work<&ModelObject::load>("load"), work<&ModelObject::score>("score"),
                work<&ModelObject::save_weights>("saveWeights"), work<&ModelObject::create_trainer>("createTrainer"),
                InstanceMethod("notes", &ModelObject::notes, napi_default_method)});
}

void ModelObject::require_usable() const {
  if (state()->disposed)
    fail_with(error_codes::kDisposed, "The model has been disposed: load it again to go on using it.");
}

Napi::Value ModelObject::load(const Napi::CallbackInfo& info) {
  auto request = read_options<ModelRequest>(info[0]);
  using Loaded = std::shared_ptr<ModelState>;
  auto job = std::make_shared<ComputeJob<Loaded>>(
      Purpose("loading a model", error_codes::kModelFile),
      [request = std::move(request)](const Control& control) {
        auto state = std::make_shared<ModelState>();
        state->backend = backend_for(request.device, state->device_choice);
        state->model = model::RewardModel::load(request.load, *state->backend);
        state->micro_batch_tokens = usual_micro_batch(*state, request.device.memory_reserve);
        control.check();
        return state;
      },
      [](Napi::Env env, Loaded& state) -> Napi::Value {
        ModelInfo described{
            .loaded = {info_of(state->model->architecture()), state->backend->name(),
                       "Device: " + state->device_choice + ".", state->model->precision(), state->micro_batch_tokens},
            .head = state->model->head(),
            .device_facts = state->backend->facts()};
        const int64_t bytes = state->model->parameters().layout().bytes() + kUncountedModelBytes;
        const Napi::Object model = make(env, std::move(state), bytes);
        write_properties(model, described);
        return model;
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), work_from(info[1]), OnAbort::abandon);
}

Napi::Value ModelObject::score(const Napi::CallbackInfo& info) {
  require_usable();
  const auto scorer_options =
      info[1].IsUndefined() ? inference::ScorerOptions{} : read_options<inference::ScorerOptions>(info[1]);
  using Result = inference::Scorer::Result;
  auto job = std::make_shared<ComputeJob<Result>>(
      "scoring",
      [state = state(), samples = samples_from(info[0]), scorer_options](const Control& control) {
        return state->scorer_for(scorer_options).score(samples.view(), control);
      },
      [](Napi::Env env, Result& result) -> Napi::Value { return write_result(env, result); });
  state()->jobs.add(job);
  return start(info.Env(), thread(), std::move(job), work_from(info[1]));
}

Napi::Value ModelObject::save_weights(const Napi::CallbackInfo& info) {
  require_usable();
  const std::string dtype_name = info[1].IsUndefined() ? "float32" : text_from(info[1], "dtype");
  if (dtype_name != "float32" && dtype_name != "bfloat16" && dtype_name != "held") {
    fail("dtype must be float32 or bfloat16, not ", dtype_name, " (or held: each tensor in the dtype that it has).");
  }
  std::optional<DType> in_file;
  if (dtype_name != "held") in_file = dtype_name == "bfloat16" ? DType::bfloat16 : DType::float32;
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("saving weights", error_codes::kFile),
      [state = state(), file = text_from(info[0], "file"), in_file](const Control&) {
        state->model->save_weights(file, in_file);
        return Nothing{};
      },
      undefined);
  state()->jobs.add(job);
  return start(info.Env(), thread(), std::move(job));
}

Napi::Value ModelObject::create_trainer(const Napi::CallbackInfo& info) {
  require_usable();
  auto job = TrainerObject::creation(state(), info[0]);
  state()->jobs.add(job);
  return start(info.Env(), thread(), std::move(job));
}

// The job that disposal starts takes the backend away, so it exists as long as the model has not been disposed.
Napi::Value ModelObject::notes(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), state()->disposed ? std::vector<BackendNote>{} : state()->backend->notes());
}

}  // namespace cheems::bindings
