#include "trainer_object.h"

#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "core/error.h"

namespace cheems::bindings {
namespace {

// Bytes of what the trainer keeps between steps: gradients and optimizer state.
int64_t lasting_bytes(const ModelState& model, const training::TrainerOptions& options) {
  MemoryPlan plan;
  training::Trainer::plan(
      model.model->architecture(), options, model.model->activations(), 1,
      [&](const WorkspaceRequest& request) { return model.backend->operations().workspace_bytes(request); }, plan,
      model.model->parameters().layout().end());
  int64_t bytes = 0;
  for (const auto& entry : plan.entries) {
    if (entry.kind == "gradients" || entry.kind == "optimizer") bytes += entry.bytes;
  }
  return bytes;
}

// The trainer returns only rewards; the number of tokens comes from its last progress report.
class TrainerScoreJob final : public Job {
 public:
  TrainerScoreJob(std::shared_ptr<TrainerState> state, OwnedSamples samples)
      : Job("scoring"), state_(std::move(state)), samples_(std::move(samples)) {}
  Napi::Value result(Napi::Env env) override {
    inference::Scorer::Result result{std::move(rewards_), computed_tokens()};
    return write_result(env, result);
  }

 protected:
  void compute(const Control& control) override {
    // As in ComputeJob: the trainer is let go of on the engine thread.
    const auto state = std::exchange(state_, nullptr);
    rewards_ = state->trainer->score(samples_.view(), control);
  }

 private:
  std::shared_ptr<TrainerState> state_;
  OwnedSamples samples_;
  std::vector<float> rewards_;
};

// The numbers of a step are rounded to float32, as in the reference's optimizer.
training::OptimizerStep optimizer_step_from(Napi::Value value) {
  auto step = read_options<training::OptimizerStep>(value);
  for (double* number :
       {&step.learning_rate, &step.beta1, &step.beta2, &step.epsilon, &step.weight_decay, &step.max_grad_norm}) {
    *number = static_cast<float>(*number);
  }
  return step;
}

}  // namespace

void TrainerObject::define(Napi::Env env, Napi::Object exports) {
  define_class(
      env, exports, "Trainer",
      {work<&TrainerObject::step>("step"), work<&TrainerObject::score>("score"),
       work<&TrainerObject::save_optimizer>("saveOptimizer"), work<&TrainerObject::load_optimizer>("loadOptimizer")});
}

void TrainerObject::require_usable() const {
  if (state()->disposed)
    fail_with(error_codes::kDisposed,
              "The trainer has been disposed: create another from the model to go on training.");
  if (state()->model->disposed)
    fail_with(error_codes::kDisposed, "The trainer's model has been disposed: load it again to go on training.");
}

Napi::Value TrainerObject::start_here(const Napi::CallbackInfo& info, std::shared_ptr<Job> job, const Work& work) {
  state()->jobs.add(job);
  state()->model->jobs.add(job);
  return start(info.Env(), thread(), std::move(job), work);
}

std::shared_ptr<Job> TrainerObject::creation(std::shared_ptr<ModelState> model, Napi::Value options) {
  struct Created {
    std::shared_ptr<TrainerState> state;
    int64_t bytes;
  };
  return std::make_shared<ComputeJob<Created>>(
      "creating a trainer",
      [model = std::move(model), trainer_options = read_options<training::TrainerOptions>(options)](const Control&) {
        auto state = std::make_shared<TrainerState>();
        state->model = model;
        model->scorer.reset();  // a trainer scores with its own memory
        state->trainer = std::make_unique<training::Trainer>(*model->model, trainer_options);
        std::erase_if(model->trainers, [](const std::weak_ptr<TrainerState>& entry) { return entry.expired(); });
        model->trainers.push_back(state);
        return Created{state, lasting_bytes(*model, trainer_options)};
      },
      [](Napi::Env env, Created& created) -> Napi::Value {
        return make(env, std::move(created.state), created.bytes);
      });
}

Napi::Value TrainerObject::step(const Napi::CallbackInfo& info) {
  require_usable();
  auto samples = samples_from(info[0]);
  auto comparisons = comparisons_from(info[1], samples.count());
  auto job = std::make_shared<ComputeJob<training::StepResult>>(
      "training",
      [state = state(), samples = std::move(samples), comparisons = std::move(comparisons),
       optimizer = optimizer_step_from(info[2])](const Control& control) {
        return state->trainer->step(samples.view(), comparisons, optimizer, control);
      },
      [](Napi::Env env, training::StepResult& result) -> Napi::Value { return write_result(env, result); });
  return start_here(info, std::move(job), work_from(info[3]));
}

Napi::Value TrainerObject::score(const Napi::CallbackInfo& info) {
  require_usable();
  return start_here(info, std::make_shared<TrainerScoreJob>(state(), samples_from(info[0])), work_from(info[1]));
}

Napi::Value TrainerObject::save_optimizer(const Napi::CallbackInfo& info) {
  require_usable();
  return start_here(info, std::make_shared<ComputeJob<Nothing>>(
                              Purpose("saving the optimizer's state", error_codes::kFile),
                              [state = state(), file = text_from(info[0], "file")](const Control&) {
                                state->trainer->save_optimizer(file);
                                return Nothing{};
                              },
                              undefined));
}

Napi::Value TrainerObject::load_optimizer(const Napi::CallbackInfo& info) {
  require_usable();
  return start_here(info, std::make_shared<ComputeJob<Nothing>>(
                              Purpose("loading the optimizer's state", error_codes::kFile),
                              [state = state(), file = text_from(info[0], "file")](const Control&) {
                                state->trainer->load_optimizer(file);
                                return Nothing{};
                              },
                              undefined));
}

}  // namespace cheems::bindings
