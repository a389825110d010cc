#include "standalone.h"

#include <hwy/targets.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/cpu/cpu_facts.h"
#include "backends/planning.h"
#include "backends/plugin_loader.h"
#include "convert.h"
#include "core/error.h"
#include "core/memory_plan.h"
#include "core/micro_batch_tokens.h"
#include "core/thread_pool.h"
#include "handle.h"
#include "inference/scorer.h"
#include "job.h"
#include "model/parameters/parameters.h"
#include "model/reward_model.h"
#include "requests.h"
#include "training/trainer.h"

namespace cheems::bindings {
namespace {

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__) || defined(__i386__)
  const std::pair<const char*, bool> known[] = {{"sse4.2", __builtin_cpu_supports("sse4.2")},
                                                {"avx", __builtin_cpu_supports("avx")},
                                                {"avx2", __builtin_cpu_supports("avx2")},
                                                {"fma", __builtin_cpu_supports("fma")},
                                                {"avx512f", __builtin_cpu_supports("avx512f")},
                                                {"avx512bw", __builtin_cpu_supports("avx512bw")},
                                                {"avx512dq", __builtin_cpu_supports("avx512dq")},
                                                {"avx512vl", __builtin_cpu_supports("avx512vl")},
                                                {"avx512bf16", __builtin_cpu_supports("avx512bf16")}};
  for (const auto& [name, supported] : known) {
    if (supported) features.emplace_back(name);
  }
#endif
  return features;
}

std::string compiled_targets() {
  std::string names;
  for (int64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
    if (!names.empty()) names += ", ";
    names += hwy::TargetName(left & -left);
  }
  return names;
}

Napi::Object backend_entry(Napi::Env env, const BackendInfo& backend) {
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("name", backend.name);
  entry.Set("found", backend.available);
  entry.Set("detail", backend.detail);
  return entry;
}

Napi::Object plugin_entry(Napi::Env env, const PluginReport& report) {
  Napi::Object entry = Napi::Object::New(env);
  for (const auto& [name, text] : {std::pair{"file", report.file},
                                   {"version", report.version},
                                   {"images", report.images},
                                   {"toolkit", report.toolkit},
                                   {"driver", report.driver}}) {
    if (!text.empty()) entry.Set(name, text);
  }
  Napi::Array libraries = Napi::Array::New(env), missing = Napi::Array::New(env);
  for (const auto& library : report.libraries) {
    Napi::Object found = Napi::Object::New(env);
    found.Set("name", library.name);
    found.Set("version", library.version);
    found.Set("file", library.file);
    libraries.Set(libraries.Length(), found);
  }
  for (const auto& sentence : report.missing) missing.Set(missing.Length(), sentence);
  entry.Set("libraries", libraries);
  entry.Set("missing", missing);
  return entry;
}

}  // namespace

Napi::Value engine_info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const int threads = ThreadPool(0).size();
  Napi::Object info = Napi::Object::New(env);
  info.Set("version", CHEEMS_VERSION);
#if defined(__clang__)
  info.Set("compiler", "clang++ " __clang_version__);
#else
  info.Set("compiler", "g++ " __VERSION__);
#endif
  info.Set("simdTarget", cpu::simd_target() + " (compiled in: " + compiled_targets() + ")");
  const auto features = cpu_features();
  Napi::Array names = Napi::Array::New(env, features.size());
  for (std::size_t i = 0; i < features.size(); ++i) names.Set(static_cast<uint32_t>(i), features[i]);
  info.Set("cpuFeatures", names);
  info.Set("numThreads", threads);
  Napi::Array backends = Napi::Array::New(env);
  for (const BackendInfo& backend : list_backends()) backends.Set(backends.Length(), backend_entry(env, backend));
  info.Set("backends", backends);
  info.Set("cuda", plugin_entry(env, report_plugin()));
  return info;
}

Napi::Value add_plugin_folder_of_package(const Napi::CallbackInfo& info) {
  add_plugin_folder(text_from(info[0], "folder"));
  return info.Env().Undefined();
}

Napi::Value lock_file(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) fail("The file to lock must be a descriptor.");
  const int descriptor = info[0].As<Napi::Number>().Int32Value();
  int error = 0;
  do {
    error = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  } while (error == EINTR);
  return Napi::Number::New(info.Env(), error);
}

Napi::Value read_architecture(const Napi::CallbackInfo& info) {
  auto job = std::make_shared<ComputeJob<model::Architecture>>(
      Purpose("reading config.json", error_codes::kModelFile),
      [folder = text_from(info[0], "folder")](const Control&) { return model::RewardModel::read_architecture(folder); },
      [](Napi::Env env, model::Architecture& architecture) -> Napi::Value {
        ArchitectureInfo described = info_of(architecture);
        return write_result(env, described);
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), info.Env().Undefined());
}

Napi::Value initialize(const Napi::CallbackInfo& info) {
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("initializing a model", error_codes::kFile),
      [request = read_options<InitializeRequest>(info[0])](const Control&) {
        model::RewardModel::initialize(request.config_file, request.seed, request.weights_file);
        return Nothing{};
      },
      undefined);
  return start(info.Env(), engine_thread(info.Env()), std::move(job), info.Env().Undefined());
}

Napi::Value plan_memory(const Napi::CallbackInfo& info) {
  const auto request = read_options<PlanRequest>(info[0]);
  struct Planned {
    MemoryPlan plan;
    int64_t micro_batch_tokens;
    int64_t available_bytes;
    int64_t reserve_bytes;
    int64_t checkpoint_bytes;
    std::string choice;
  };
  auto job = std::make_shared<ComputeJob<Planned>>(
      Purpose("planning memory", error_codes::kModelFile),
      [request](const Control&) {
        const bool train = request.purpose == "train";
        training::TrainerOptions trainer;
        trainer.optimizer_state = request.optimizer_state;
        trainer.gradient_checkpointing = request.gradient_checkpointing;
        const inference::ScorerOptions scorer;
        const PlanningBackend planned = coded(error_codes::kDevice, [&] {
          return planning_backend(request.device.device, static_cast<int>(request.device.num_threads));
        });
        const auto architecture = model::RewardModel::read_architecture(request.folder);
        const DType activations = request.precision.value_or(planned.default_activations);
        const bool as_stored = !train && request.keep_16_bit && planned.widens_weights;
        const DType matrices = model::RewardModel::matrix_dtype(activations, request.dtype, planned.widens_weights);
        const bool is_rounded = request.dtype != DType::float32 || matrices != DType::float32;
        const bool float32_copy = train && trainer.optimizer_state == DType::float32 && is_rounded;
        const int64_t kept_free =
            request.device.memory_reserve < 0 ? planned.memory_reserve : request.device.memory_reserve;
        MemoryPlan weights;
        const model::ModelEnd end = model::RewardModel::planned_end(request.folder, request.reward_head);
        if (as_stored) model::RewardModel::plan_as_stored(request.folder, request.dtype, weights, request.reward_head);
        else model::RewardModel::plan(architecture, matrices, float32_copy, weights, end);
        const auto plan_for = [&](int64_t tokens) {
          MemoryPlan plan = weights;
          training::TrainerOptions training = trainer;
          inference::ScorerOptions scoring = scorer;
          training.micro_batch_tokens = scoring.micro_batch_tokens = tokens;
          if (train)
            training::Trainer::plan(architecture, training, activations, request.longest_sample,
                                    planned.workspace_bytes, plan, end);
          else
            inference::Scorer::plan(architecture, scoring, activations,
                                    request.longest_sample > 0 ? request.longest_sample : tokens,
                                    planned.workspace_bytes, plan);
          return plan;
        };
        int64_t tokens = request.micro_batch_tokens;
        if (tokens == 0) {
          tokens = choose_micro_batch_tokens(
              {.usual = train ? trainer.micro_batch_tokens : scorer.micro_batch_tokens,
               .useful = planned.useful_micro_batch,
               .most = request.most_tokens,
               .memory =
                   planned.available_memory < 0 ? -1 : std::max<int64_t>(0, planned.available_memory - kept_free)},
              [&](int64_t count) { return plan_for(count).total(); });
        }
        const DType exact = float32_copy ? DType::float32 : matrices;
        const int64_t checkpoint =
            train ? training::Trainer::checkpoint_bytes(architecture, trainer, exact, request.dtype, end) : 0;
        return Planned{plan_for(tokens), tokens, planned.available_memory, kept_free, checkpoint, planned.choice};
      },
      [](Napi::Env env, Planned& planned) {
        const Napi::Value result = to_js(env, planned.plan, planned.available_bytes);
        result.As<Napi::Object>().Set("reserveBytes", static_cast<double>(planned.reserve_bytes));
        result.As<Napi::Object>().Set("microBatchTokens", static_cast<double>(planned.micro_batch_tokens));
        result.As<Napi::Object>().Set("deviceChoice", planned.choice);
        if (planned.checkpoint_bytes > 0) {
          result.As<Napi::Object>().Set("checkpointBytes", static_cast<double>(planned.checkpoint_bytes));
        }
        return result;
      });
  return start(info.Env(), engine_thread(info.Env()), std::move(job), info.Env().Undefined());
}

}  // namespace cheems::bindings
