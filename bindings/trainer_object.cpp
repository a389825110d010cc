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
  if (handle.state->disposed)
    fail_with(error_codes::kDisposed,
              "The trainer has been disposed: create another from the model to go on training.");
  if (handle.state->model->disposed)
    fail_with(error_codes::kDisposed, "The trainer's model has been disposed: load it again to go on training.");
  return handle;
}

// Disposing either the trainer or its model stops the job.
Napi::Value start_on(Napi::Env env, Handle<TrainerState>& handle, std::shared_ptr<Job> job, Napi::Value on_progress) {
  handle.state->jobs.add(job);
  handle.state->model->jobs.add(job);
  return start(env, handle.thread, std::move(job), on_progress);
}

// Gradients and optimizer state, what the trainer holds on to between steps.
int64_t lasting_bytes(const ModelState& model, const training::TrainerOptions& options) {
  MemoryPlan plan;
  training::Trainer::plan(
      model.model->architecture(), options, model.model->precision(), 1,
      [&](const WorkspaceRequest& request) { return model.backend->operations().workspace_bytes(request); }, plan,
      model.model->parameters().layout().end());
  int64_t bytes = 0;
  for (const auto& entry : plan.entries) {
    if (entry.kind == "gradients" || entry.kind == "optimizer") bytes += entry.bytes;
  }
  return bytes;
}

// The trainer returns rewards alone; the number of tokens comes with its last progress report.
class TrainerScoreJob final : public Job {
 public:
  TrainerScoreJob(std::shared_ptr<TrainerState> state, OwnedSamples samples)
      : Job("scoring"), state_(std::move(state)), samples_(std::move(samples)) {}
  Napi::Value result(Napi::Env env) override {
    inference::Scorer::Result result{std::move(rewards_), computed_tokens()};
    return write_result(env, result);
  }

 protected:
  void compute(const Control& control) override { rewards_ = state_->trainer->score(samples_.view(), control); }

 private:
  std::shared_ptr<TrainerState> state_;
  OwnedSamples samples_;
  std::vector<float> rewards_;
};

// The numbers of a step are those of float32, as the reference's optimizer takes them.
training::OptimizerStep optimizer_step_from(Napi::Value value) {
  auto step = read_options<training::OptimizerStep>(value);
  for (double* number :
       {&step.learning_rate, &step.beta1, &step.beta2, &step.epsilon, &step.weight_decay, &step.max_grad_norm}) {
    *number = static_cast<float>(*number);
  }
  return step;
}

}  // namespace

Napi::Value create_trainer(const Napi::CallbackInfo& info) {
  auto& handle = model_from(info[0]);
  const auto trainer_options = read_options<training::TrainerOptions>(info[1]);
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
      [](Napi::Env env, training::StepResult& result) -> Napi::Value { return write_result(env, result); });
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
      Purpose("saving the optimizer's state", error_codes::kFile),
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
      Purpose("loading the optimizer's state", error_codes::kFile),
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
