#include "generation_object.h"

#include <utility>
#include <vector>

#include "convert.h"
#include "requests.h"

namespace cheems::bindings {
namespace {

generation::GenerationOptions options_from(Napi::Value value, int64_t prompts) {
  generation::GenerationOptions options = read_options<GenerationRequest>(value).options;
  generation::check_sampling(options.sampling);
  if (value.As<Napi::Object>().Get("maxNewTokens").IsNumber()) {
    options.max_new_tokens.assign(static_cast<size_t>(prompts), options.max_new_tokens.front());
  }
  return options;
}

}  // namespace

void GenerationObject::define(Napi::Env env, Napi::Object exports) {
  define_class(env, exports, "Generation", {work<&GenerationObject::advance>("advance")});
}

void GenerationObject::require_usable() const {
  if (state()->disposed)
    fail_with(error_codes::kDisposed, "The generation has been disposed: start another from the model.");
  if (state()->model->disposed)
    fail_with(error_codes::kDisposed,
              "The generation's language model has been disposed: load it again to go on generating.");
}

std::shared_ptr<Job> GenerationObject::beginning(std::shared_ptr<CausalState> model, Napi::Value prompts_value,
                                                 Napi::Value options_value) {
  auto prompts = samples_from(prompts_value);
  auto options = options_from(options_value, prompts.count());
  using Started = std::shared_ptr<GenerationState>;
  return std::make_shared<ComputeJob<Started>>(
      "starting to generate",
      [model = std::move(model), prompts = std::move(prompts), options = std::move(options)](const Control&) {
        auto state = std::make_shared<GenerationState>();
        state->model = model;
        state->generator = std::make_unique<generation::Generator>(*model->model, prompts.view(), options);
        std::erase_if(model->generations, [](const std::weak_ptr<GenerationState>& entry) { return entry.expired(); });
        model->generations.push_back(state);
        return state;
      },
      [](Napi::Env env, Started& state) -> Napi::Value { return make(env, std::move(state), 0); });
}

Napi::Value GenerationObject::advance(const Napi::CallbackInfo& info) {
  require_usable();
  const Work work = work_from(info[1]);
  const Napi::Value stop = info[1].IsUndefined() ? info[1] : info[1].As<Napi::Object>().Get("stop");
  using Advanced = generation::Generator::Advanced;
  auto job = std::make_shared<ComputeJob<Advanced>>(
      "generating",
      [state = state(), steps = int32_from(info[0], "steps"),
       ended = stop.IsUndefined() ? std::vector<int32_t>() : int32s_from(stop, "stop")](const Control& control) {
        return state->generator->advance(steps, ended, control);
      },
      [](Napi::Env env, Advanced& advanced) -> Napi::Value { return write_result(env, advanced); });
  state()->jobs.add(job);
  state()->model->jobs.add(job);
  return start(info.Env(), thread(), std::move(job), work);
}

}  // namespace cheems::bindings
