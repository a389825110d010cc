#include "trainer_object.h"

#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "core/error.h"

namespace cheems::bindings {
namespace {

Handle<TrainerState>& trainer_from(Napi::Value value) {
  auto& handle = handle_from<TrainerState>(value);
  if (handle.state->disposed) fail_with(error_codes::kDisposed, "The trainer has been disposed: create another from the model to go on training.");
  if (handle.state->model->disposed) fail_with(error_codes::kDisposed, "The trainer's model has been disposed: load it again to go on training.");
  return handle;
}

// Disposing either the trainer or its model stops the job.
Napi::Value start_on(Napi::Env env, Handle<TrainerState>& handle, std::shared_ptr<Job> job, Napi::Value on_progress) {
  handle.state->jobs.add(job);
  handle.state->model->jobs.add(job);
  return start(env, handle.thread, std::move(job), on_progress);
}

// Gradients and optimiser state, what the trainer holds on to between steps.
int64_t lasting_bytes(const ModelState& model, const training::TrainerOptions& options) {
  MemoryPlan plan;
  training::Trainer::plan(model.model->architecture(), options, model.model->precision(), 1,
                          [&](const WorkspaceRequest& request) { return model.backend->operations().workspace_bytes(request); }, plan);
  int64_t bytes = 0;
  for (const auto& entry : plan.entries) {
    if (entry.kind == "gradients" || entry.kind == "optimiser") bytes += entry.bytes;
  }
  return bytes;
}

// The trainer returns rewards alone; the number of tokens comes with its last progress report.
class TrainerScoreJob final : public Job {
 public:
  TrainerScoreJob(std::shared_ptr<TrainerState> state, OwnedSamples samples)
      : Job("scoring"), state_(std::move(state)), samples_(std::move(samples)) {}
  Napi::Value result(Napi::Env env) override { return score_result(env, rewards_, computed_tokens()); }

 protected:
  void compute(const Control& control) override { rewards_ = state_->trainer->score(samples_.view(), control); }

 private:
  std::shared_ptr<TrainerState> state_;
  OwnedSamples samples_;
  std::vector<float> rewards_;
};

training::OptimizerStep optimizer_step_from(Napi::Value value) {
  const Options options(value);
  training::OptimizerStep step;
  step.step = options.integer("step", 0, 1);
  step.learning_rate = static_cast<float>(options.required_number("learningRate"));
  step.beta1 = static_cast<float>(options.required_number("beta1"));
  step.beta2 = static_cast<float>(options.required_number("beta2"));
  step.epsilon = static_cast<float>(options.required_number("epsilon"));
  step.weight_decay = static_cast<float>(options.required_number("weightDecay"));
  step.max_grad_norm = static_cast<float>(options.required_number("maxGradNorm"));
  if (step.learning_rate < 0) fail("learningRate must not be negative: it is ", step.learning_rate, ".");
  if (step.beta1 < 0 || step.beta1 >= 1) fail("beta1 must be at least 0 and below 1: it is ", step.beta1, ".");
  if (step.beta2 < 0 || step.beta2 >= 1) fail("beta2 must be at least 0 and below 1: it is ", step.beta2, ".");
  if (step.epsilon < 0) fail("epsilon must not be negative: it is ", step.epsilon, ".");
  if (step.weight_decay < 0) fail("weightDecay must not be negative: it is ", step.weight_decay, ".");
  return step;
}

Napi::Value step_result(Napi::Env env, training::StepResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loss", result.loss);
  object.Set("rankingLoss", result.ranking_loss);
  object.Set("regulariser", result.regulariser);
  object.Set("gradientNorm", result.gradient_norm);
  object.Set("rewards", to_js(env, result.rewards));
  object.Set("computedTokens", static_cast<double>(result.computed_tokens));
  object.Set("microBatches", static_cast<double>(result.micro_batches));
  return object;
}

}  // namespace

Napi::Value create_trainer(const Napi::CallbackInfo& info) {
  auto& handle = model_from(info[0]);
  const Options options(info[1]);
  training::TrainerOptions trainer_options;
  trainer_options.micro_batch_tokens = options.integer("microBatchTokens", trainer_options.micro_batch_tokens, 1);
  trainer_options.gradient_checkpointing = options.boolean("gradientCheckpointing", false);
  trainer_options.share_prompts = options.boolean("sharePrompts", true);
  trainer_options.optimizer_state = options.dtype("optimizerState").value_or(DType::float32);
  trainer_options.seed = static_cast<uint64_t>(options.integer("seed", 0, 0));
  trainer_options.padding_token = options.integer("paddingToken", trainer_options.padding_token, -1);
  trainer_options.reg_coef = static_cast<float>(options.number("regCoef", trainer_options.reg_coef));
  struct Created {
    std::shared_ptr<TrainerState> state;
    int64_t bytes;
  };
  auto job = std::make_shared<ComputeJob<Created>>(
      "creating a trainer",
      [model = handle.state, trainer_options](const Control&) {
        auto state = std::make_shared<TrainerState>();
        state->model = model;
        model->scorer.reset();  // a trainer scores with its own memory
        state->trainer = std::make_unique<training::Trainer>(*model->model, trainer_options);
        std::erase_if(model->trainers, [](const std::weak_ptr<TrainerState>& entry) { return entry.expired(); });
        model->trainers.push_back(state);
        return Created{state, lasting_bytes(*model, trainer_options)};
      },
      [](Napi::Env env, Created& created) { return make_handle(env, std::move(created.state), created.bytes); });
  handle.state->jobs.add(job);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

Napi::Value train_step(const Napi::CallbackInfo& info) {
  auto& handle = trainer_from(info[0]);
  auto samples = samples_from(info[1]);
  auto comparisons = comparisons_from(info[2], samples.count());
  auto job = std::make_shared<ComputeJob<training::StepResult>>(
      "training",
      [state = handle.state, samples = std::move(samples), comparisons = std::move(comparisons),
       optimizer = optimizer_step_from(info[3])](const Control& control) {
        return state->trainer->step(samples.view(), comparisons, optimizer, control);
      },
      step_result);
  return start_on(info.Env(), handle, std::move(job), info[4]);
}

Napi::Value trainer_score(const Napi::CallbackInfo& info) {
  auto& handle = trainer_from(info[0]);
  auto job = std::make_shared<TrainerScoreJob>(handle.state, samples_from(info[1]));
  return start_on(info.Env(), handle, std::move(job), info[2]);
}

Napi::Value save_optimizer(const Napi::CallbackInfo& info) {
  auto& handle = trainer_from(info[0]);
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("saving the optimiser's state", error_codes::kFile),
      [state = handle.state, file = text_from(info[1], "file")](const Control&) {
        state->trainer->save_optimizer(file);
        return Nothing{};
      },
      undefined);
  return start_on(info.Env(), handle, std::move(job), info.Env().Undefined());
}

Napi::Value load_optimizer(const Napi::CallbackInfo& info) {
  auto& handle = trainer_from(info[0]);
  auto job = std::make_shared<ComputeJob<Nothing>>(
      Purpose("loading the optimiser's state", error_codes::kFile),
      [state = handle.state, file = text_from(info[1], "file")](const Control&) {
        state->trainer->load_optimizer(file);
        return Nothing{};
      },
      undefined);
  return start_on(info.Env(), handle, std::move(job), info.Env().Undefined());
}

Napi::Value dispose_trainer(const Napi::CallbackInfo& info) {
  auto& handle = handle_from<TrainerState>(info[0]);
  handle.state->disposed = true;
  handle.state->jobs.cancel_all(*handle.thread, "The trainer was disposed before this work was done.");
  handle.report_freed(info.Env());
  auto job = std::make_shared<ComputeJob<Nothing>>(
      "freeing a trainer",
      [state = handle.state](const Control&) {
        state->trainer.reset();
        return Nothing{};
      },
      undefined);
  return start(info.Env(), handle.thread, std::move(job), info.Env().Undefined());
}

}  // namespace cheems::bindings
