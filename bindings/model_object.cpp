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

// What fills the memory that the loaded weights leave, on a backend where that is of use.
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
        architecture, {.micro_batch_tokens = tokens}, state.model->precision(), longest,
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
    scorer.reset();  // before the next one takes memory
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

Handle<ModelState>& model_from(Napi::Value value) {
  auto& handle = handle_from<ModelState>(value);
  if (handle.state->disposed)
    fail_with(error_codes::kDisposed, "The model has been disposed: load it again to go on using it.");
  return handle;
}

Napi::Value load_model(const Napi::CallbackInfo& info) {
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
        Napi::Object result = Napi::Object::New(env);
        ArchitectureInfo architecture = info_of(state->model->architecture());
        model::HeadFacts head = state->model->head();
        result.Set("architecture", write_result(env, architecture));
        result.Set("head", write_result(env, head));
        result.Set("device", state->backend->name());
        result.Set("deviceChoice", "Device: " + state->device_choice + ".");
        result.Set("deviceFacts", to_js(env, state->backend->facts()));
        result.Set("precision", name(state->model->precision()));
        result.Set("microBatchTokens", static_cast<double>(state->micro_batch_tokens));
        const int64_t bytes = state->model->parameters().layout().bytes() + kUncountedModelBytes;
        result.Set("handle", make_handle(env, std::move(state), bytes));
        return result;
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), info.Env().Undefined());
}

Napi::Value score(const Napi::CallbackInfo& info) {
  auto& handle = model_from(info[0]);
  const auto scorer_options = read_options<inference::ScorerOptions>(info[2]);
  using Result = inference::Scorer::Result;
  auto job = std::make_shared<ComputeJob<Result>>(
      "scoring",
      [state = handle.state, samples = samples_from(info[1]), scorer_options](const Control& control) {
        return state->scorer_for(scorer_options).score(samples.view(), control);
      },
      [](Napi::Env env, Result& result) -> Napi::Value { return write_result(env, result); });
  handle.state->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info[3]);
}

Napi::Value save_weights(const Napi::CallbackInfo& info) {
  auto& handle = model_from(info[0]);
  const std::string dtype_name = info[2].IsUndefined() ? "float32" : text_from(info[2], "dtype");
  if (dtype_name != "float32" && dtype_name != "bfloat16" && dtype_name != "held") {
    fail("dtype must be float32 or bfloat16, not ", dtype_name, " (or held: each tensor in the dtype that it has).");
  }
  std::optional<DType> in_file;
  if (dtype_name != "held") in_file = dtype_name == "bfloat16" ? DType::bfloat16 : DType::float32;
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("saving weights", error_codes::kFile),
      [state = handle.state, file = text_from(info[1], "file"), in_file](const Control&) {
        state->model->save_weights(file, in_file);
        return Nothing{};
      },
      undefined);
  handle.state->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

// The backend goes with the job that disposal starts, so it stands here as long as nobody has disposed of the model.
Napi::Value model_notes(const Napi::CallbackInfo& info) {
  const auto& state = *handle_from<ModelState>(info[0]).state;
  return to_js(info.Env(), state.disposed ? std::vector<BackendNote>{} : state.backend->notes());
}

Napi::Value dispose_model(const Napi::CallbackInfo& info) {
  auto& handle = handle_from<ModelState>(info[0]);
  handle.state->disposed = true;
  handle.state->jobs.cancel_all(*handle.thread, "The model was disposed before this work was done.");
  handle.report_freed(info.Env());
  auto job = std::make_shared<ComputeJob<Nothing>>(
      "freeing a model",
      [state = handle.state](const Control&) {
        state->free();
        return Nothing{};
      },
      undefined);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

}  // namespace cheems::bindings
