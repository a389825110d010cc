// Training with frozen parameters on any backend: against AdamW in float64 over the full computation's gradients, and
// against the bits of a run that trains everything.
#pragma once

#include "testing/causal_folder.h"
#include "testing/model_check.h"
#include "testing/operation_check.h"
#include "testing/small_model.h"

namespace cheems::testing {

// Four layers, so that some are above, between and below the frozen ones.
inline nlohmann::json layered_config(const std::string& family) {
  nlohmann::json config = causal_config(family);
  config["num_hidden_layers"] = 4;
  if (family == "llama") config["attention_bias"] = config["mlp_bias"] = true;
  return config;
}

struct FrozenCase {
  const char* name;
  model::TrainedSet trained;
};

inline std::vector<FrozenCase> frozen_cases() {
  using model::Parameter, model::Role;
  return {{"the head alone", [](const Parameter& p) { return p.role == Role::head; }},
          {"two layers frozen", [](const Parameter& p) { return p.layer != 1 && p.layer != 2; }},
          {"the lowest layers and the embedding frozen",
           [](const Parameter& p) { return p.role != Role::embedding && (p.layer < 0 || p.layer > 1); }},
          {"one MLP", [](const Parameter& p) { return p.layer == 2 && p.name.find(".mlp.") != std::string::npos; }},
          {"matrices alone", [](const Parameter& p) { return p.role == Role::matrix; }},
          {"vectors alone", [](const Parameter& p) { return p.role == Role::vector; }}};
}

// Two prompts with two responses each.
inline OwnedSamples frozen_samples(std::vector<Comparison>& pairs) {
  OwnedSamples samples;
  for (int32_t sample = 0; sample < 4; ++sample) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < 10 + 2 * sample; ++i)
      ids.push_back((i < 6 ? 3 * i + 5 * (sample / 2) : 7 * i + 11 * sample) % 40);
    samples.add(ids, sample / 2);
  }
  pairs = {{.a = 0, .b = 1}, {.a = 3, .b = 2}};
  return samples;
}

inline training::OptimizerStep frozen_step(int64_t step) {
  return {.step = step, .learning_rate = 1e-3, .weight_decay = 0.01, .max_grad_norm = 1};
}

// Trained parameters by name.
inline std::map<std::string, bool> trained_names(const model::RewardModel& loaded, const model::TrainedSet& trained) {
  std::map<std::string, bool> names;
  for (const auto& parameter : loaded.parameters().layout().parameters()) names[parameter.name] = trained(parameter);
  return names;
}

// AdamW in float64 for the trained parameters.
class ExactAdamW {
 public:
  // Returns the norm of the gradients.
  double update(NamedValues& weights, const NamedValues& gradients, const std::map<std::string, bool>& trained,
                const training::OptimizerStep& o) {
    double squares = 0;
    for (const auto& [name, gradient] : gradients) {
      if (!trained.at(name)) continue;
      for (const double g : gradient) squares += g * g;
    }
    const double norm = std::sqrt(squares), clip = std::min(1.0, o.max_grad_norm / (norm + 1e-6));
    const double correction1 = 1 - std::pow(o.beta1, o.step), correction2 = 1 - std::pow(o.beta2, o.step);
    for (const auto& [name, gradient] : gradients) {
      if (!trained.at(name)) continue;
      auto &m = first_[name], &v = second_[name];
      m.resize(gradient.size()), v.resize(gradient.size());
      for (size_t i = 0; i < gradient.size(); ++i) {
        const double g = clip * gradient[i];
        m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
        v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
        double& w = weights.at(name)[i];
        w = w * (1 - o.learning_rate * o.weight_decay) -
            o.learning_rate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + o.epsilon);
      }
    }
    return norm;
  }

 private:
  NamedValues first_, second_;
};

// Three steps in float32, compared with float64: there, every step's gradients come from the full computation at the
// exact weights.
inline void check_frozen_steps(Backend& backend, const std::string& family, const FrozenCase& frozen) {
  CAPTURE(family);
  CAPTURE(frozen.name);
  const SmallModel folder(layered_config(family)), exact_folder(layered_config(family));
  const auto loaded = model::RewardModel::load({.folder = folder.folder(), .precision = DType::float32}, backend);
  training::Trainer trainer(*loaded, {.trained = frozen.trained});
  std::vector<Comparison> pairs;
  const OwnedSamples samples = frozen_samples(pairs);
  const auto trained = trained_names(*loaded, frozen.trained);
  const auto weights = [&] {
    return download_parameters(backend, loaded->parameters().layout(), loaded->parameters().data());
  };
  const NamedValues before = weights();
  NamedValues exact = before;
  ExactAdamW adamw;
  for (int64_t step = 1; step <= 3; ++step) {
    StoredTensors stored = exact_folder.tensors();
    for (auto& [name, tensor] : stored) tensor.values = as<float>(exact.at(name));
    exact_folder.write(stored);
    const ModelRun truth{.backend = plain_backend<double>()};
    const auto full = load_model(exact_folder.folder(), truth);
    const LossAndGradients expected = gradients_of(*full, samples, pairs, truth);
    const double norm = adamw.update(exact, expected.gradients, trained, frozen_step(step));
    const auto found = trainer.step(samples.view(), pairs, frozen_step(step), Control());
    CHECK(found.loss == doctest::Approx(expected.loss).epsilon(kScalarTolerance));
    CHECK(found.gradient_norm == doctest::Approx(norm).epsilon(kScalarTolerance));
  }
  size_t count = 0, close = 0, moved = 0;
  for (const auto& [name, values] : weights()) {
    CAPTURE(name);
    if (!trained.at(name)) {
      CHECK(values == before.at(name));
      continue;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const double error = std::abs(values[i] - exact.at(name)[i]);
      CHECK(error <= 3e-3);  // AdamW follows the sign of a gradient that is nearly zero
      ++count;
      close += error <= 1e-5;
      moved += values[i] != before.at(name)[i];
    }
  }
  CHECK(static_cast<double>(close) >= 0.995 * static_cast<double>(count));
  CHECK(static_cast<double>(moved) > 0.5 * static_cast<double>(count));
}

// The first moments after a step without clipping: a tenth of the gradients.
inline StoredTensors moments_of(Backend& backend, const SmallModel& folder, const training::TrainerOptions& options,
                                DType precision) {
  const auto loaded = load_model(folder.folder(), {.backend = backend, .precision = precision});
  training::Trainer trainer(*loaded, options);
  std::vector<Comparison> pairs;
  const OwnedSamples samples = frozen_samples(pairs);
  auto step = frozen_step(1);
  step.max_grad_norm = 0;
  trainer.step(samples.view(), pairs, step, Control());
  trainer.save_optimizer(folder.file("optimizer.safetensors"));
  return read_tensors(folder.file("optimizer.safetensors"));
}

// The optimizer state of trained parameters has the same bits as in a run that trains everything; frozen ones have no
// state.
inline void check_frozen_bits(Backend& backend, const std::string& family, const FrozenCase& frozen,
                              DType precision = DType::float32) {
  CAPTURE(family);
  CAPTURE(frozen.name);
  const SmallModel folder(layered_config(family));
  const auto names =
      trained_names(*load_model(folder.folder(), {.backend = backend, .precision = precision}), frozen.trained);
  const StoredTensors all = moments_of(backend, folder, {}, precision);
  for (const bool checkpointing : {false, true}) {
    const StoredTensors some =
        moments_of(backend, folder, {.gradient_checkpointing = checkpointing, .trained = frozen.trained}, precision);
    size_t count = 0;
    for (const auto& [name, is_trained] : names) {
      CAPTURE(name);
      count += is_trained;
      for (const std::string moment : {"first_moment.", "second_moment."}) {
        CHECK(some.contains(moment + name) == is_trained);
        if (is_trained) CHECK(same_bits(some.at(moment + name).values, all.at(moment + name).values));
      }
    }
    CHECK(some.size() == 2 * count);
  }
}

}  // namespace cheems::testing
