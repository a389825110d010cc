#include "causal_object.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/plugin_loader.h"
#include "convert.h"
#include "core/error.h"
#include "core/micro_batch_tokens.h"

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
  const int64_t memory = std::max<int64_t>(0, backend.available_memory() - (reserve < 0 ? backend.memory_reserve() : reserve)) / 2;
  return choose_micro_batch_tokens({.usual = generation::GenerationOptions{}.micro_batch_tokens, .useful = backend.useful_micro_batch(), .most = 0, .memory = memory},
                                   [&](int64_t tokens) { return generation::NextTokenReader::planned_bytes(*state.model, tokens); });
}

Handle<CausalState>& causal_from(Napi::Value value) {
  auto& handle = handle_from<CausalState>(value);
  if (handle.state->disposed) fail_with(error_codes::kDisposed, "The language model has been disposed: load it again to go on using it.");
  return handle;
}

Handle<GenerationState>& generation_from(Napi::Value value) {
  auto& handle = handle_from<GenerationState>(value);
  if (handle.state->disposed) fail_with(error_codes::kDisposed, "The generation has been disposed: start another from the model.");
  if (handle.state->model->disposed) fail_with(error_codes::kDisposed, "The generation's language model has been disposed: load it again to go on generating.");
  return handle;
}

int32_t int32_from(Napi::Value value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::trunc(number) == number && std::abs(number) <= INT32_MAX)) fail(what, " must hold whole numbers of 32 bits.");
  return static_cast<int32_t>(number);
}

// An Int32Array or an array of whole numbers; undefined is an empty one.
std::vector<int32_t> int32s_from(Napi::Value value, const char* what) {
  std::vector<int32_t> numbers;
  if (value.IsUndefined()) return numbers;
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array) {
    const auto array = value.As<Napi::Int32Array>();
    for (size_t i = 0; i < array.ElementLength(); ++i) numbers.push_back(array[i]);
    return numbers;
  }
  if (!value.IsArray()) fail(what, " must be an array of whole numbers.");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(int32_from(array.Get(i), what));
  return numbers;
}

generation::GenerationOptions options_from(Napi::Value value, int64_t prompts) {
  const Options options(value);
  const auto object = value.As<Napi::Object>();
  generation::GenerationOptions result;
  result.sampling = {.temperature = options.number("temperature", 0), .top_k = options.integer("topK", 0, 0), .top_p = options.number("topP", 1),
                     .seed = static_cast<uint64_t>(options.integer("seed", 0, 0))};
  generation::check_sampling(result.sampling);
  const Napi::Value lengths = object.Get("maxNewTokens");
  if (lengths.IsNumber()) result.max_new_tokens.assign(static_cast<size_t>(prompts), int32_from(lengths, "maxNewTokens"));
  else result.max_new_tokens = int32s_from(lengths, "maxNewTokens");
  result.sequence_numbers = int32s_from(object.Get("sequenceNumbers"), "sequenceNumbers");
  result.stop_tokens = int32s_from(object.Get("stopTokens"), "stopTokens");
  result.micro_batch_tokens = options.integer("microBatchTokens", result.micro_batch_tokens, 1);
  result.cache_tokens = options.integer("cacheTokens", 0, 0);
  result.memory_reserve = options.integer("memoryReserve", -1, -1);
  result.max_sequences = options.integer("maxSequences", result.max_sequences, 1, 4096);
  return result;
}

template <class Array, class Numbers>
Array array_of(Napi::Env env, const Numbers& numbers) {
  auto array = Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), array.Data());
  return array;
}

}  // namespace

Napi::Value load_causal_model(const Napi::CallbackInfo& info) {
  const Options options(info[0]);
  model::LoadOptions load{.folder = options.text("folder"), .precision = options.dtype("precision"), .keep_16_bit = options.boolean("keep16Bit", false)};
  const std::string device = options.text("device", "auto");
  const int threads = static_cast<int>(options.integer("numThreads", 0, 0, 4096));
  const int64_t reserve = options.integer("memoryReserve", -1, -1);
  using Loaded = std::shared_ptr<CausalState>;
  auto job = std::make_shared<ComputeJob<Loaded>>(
      Purpose("loading a language model", error_codes::kModelFile),
      [load = std::move(load), device, threads, reserve](const Control& control) {
        auto state = std::make_shared<CausalState>();
        state->backend = coded(error_codes::kDevice, [&] { return create_backend(device, threads, state->device_choice); });
        state->model = model::CausalModel::load(load, *state->backend);
        state->micro_batch_tokens = usual_micro_batch(*state, reserve);
        control.check();
        return state;
      },
      [](Napi::Env env, Loaded& state) -> Napi::Value {
        const auto& layout = state->model->parameters().layout();
        Napi::Object architecture = to_js(env, state->model->architecture()).As<Napi::Object>();
        architecture.Set("parameters", static_cast<double>(layout.count()));
        if (state->model->keeps_output_layer()) architecture.Set("keepsOutputLayer", true);
        Napi::Object result = Napi::Object::New(env);
        result.Set("architecture", architecture);
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
  const Options options(info[2]);
  const int64_t count = options.integer("count", 1, 1), micro_batch_tokens = options.integer("microBatchTokens", 8192, 1);
  auto job = std::make_shared<ComputeJob<generation::NextTokens>>(
      "reading next tokens",
      [state = handle.state, prompts = samples_from(info[1]), count, micro_batch_tokens](const Control& control) {
        return state->reader_for(micro_batch_tokens).read(prompts.view(), count, control);
      },
      [](Napi::Env env, generation::NextTokens& tokens) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("ids", array_of<Napi::Int32Array>(env, tokens.ids));
        result.Set("logProbabilities", to_js(env, tokens.log_probabilities));
        return result;
      });
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
      [state = handle.state, steps = int32_from(info[1], "steps"), stop = int32s_from(info[2], "stop")](const Control& control) { return state->generator->advance(steps, stop, control); },
      [](Napi::Env env, Advanced& advanced) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("tokens", array_of<Napi::Int32Array>(env, advanced.tokens));
        result.Set("counts", array_of<Napi::Int32Array>(env, advanced.counts));
        result.Set("finished", array_of<Napi::Uint8Array>(env, advanced.finished));
        return result;
      });
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
