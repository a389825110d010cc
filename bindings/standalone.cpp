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
#include "environment.h"
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

}  // namespace

Napi::Value engine_info(const Napi::CallbackInfo& call) {
  EngineInfo info;
  info.version = CHEEMS_VERSION;
#if defined(__clang__)
  info.compiler = "clang++ " __clang_version__;
#else
  info.compiler = "g++ " __VERSION__;
#endif
  info.simd_target = cpu::simd_target() + " (compiled in: " + compiled_targets() + ")";
  info.cpu_features = cpu_features();
  info.num_threads = ThreadPool(0).size();
  info.backends = list_backends();
  info.cuda = report_plugin();
  return write_result(call.Env(), info);
}

Napi::Value use_error_class(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) fail("The class of errors must be a function.");
  environment(info.Env()).error_class = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
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
  return start(info.Env(), engine_thread(info.Env()), std::move(job));
}

Napi::Value initialize(const Napi::CallbackInfo& info) {
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("initializing a model", error_codes::kFile),
      [request = read_options<InitializeRequest>(info[0])](const Control&) {
        model::RewardModel::initialize(request.config_file, request.seed, request.weights_file);
        return Nothing{};
      },
      undefined);
  return start(info.Env(), engine_thread(info.Env()), std::move(job));
}

Napi::Value plan_memory(const Napi::CallbackInfo& info) {
  const auto request = read_options<PlanRequest>(info[0]);
  auto job = std::make_shared<ComputeJob<PlannedMemory>>(
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
        const DType activations = planned.activations(request.precision.value_or(planned.default_precision));
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
        const MemoryPlan plan = plan_for(tokens);
        PlannedMemory result{.entries = plan.entries,
                             .total_bytes = plan.total(),
                             .reserve_bytes = kept_free,
                             .micro_batch_tokens = tokens,
                             .available_bytes = {},
                             .checkpoint_bytes = {},
                             .device_choice = planned.choice};
        if (planned.available_memory >= 0) result.available_bytes = planned.available_memory;
        if (checkpoint > 0) result.checkpoint_bytes = checkpoint;
        return result;
      },
      [](Napi::Env env, PlannedMemory& planned) -> Napi::Value { return write_result(env, planned); });
  return start(info.Env(), engine_thread(info.Env()), std::move(job));
}

}  // namespace cheems::bindings
