// Whole models on any backend, in any precision: rewards, gradients and training steps, and how far they may differ
// from transformers' float64 numbers (fixtures/reference/huggingface/README.md derives the float32 tolerances).
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "batch/packed_tree.h"
#include "inference/scorer.h"
#include "model/networks/decoder.h"
#include "ops/ranking_loss/ranking_loss.h"
#include "testing/numbers.h"
#include "testing/reference.h"
#include "training/trainer.h"

namespace cheems::testing {

const std::vector<std::string> kClassifiers = {"llama-gqa",  "llama3-rope",  "mistral-sliding", "qwen2-gqa",
                                               "qwen2-tied", "qwen3-qknorm", "gemma-mqa",       "gemma2-softcap"};
constexpr double kRewardTolerance = 2e-5, kGradientTolerance = 2e-4, kScalarTolerance = 1e-4;

// How a model is run.
struct ModelRun {
  Backend& backend;
  DType precision = DType::float32;
  DType optimizer_state = DType::float32;  // and the dtype of the matrices' gradients
  int64_t micro_batch_tokens = 8192;
  bool share_prompts = true;
  bool checkpointing = false;
  // Round the matrices to bfloat16 although the precision is float32: on plain loops in double, this gives the exact
  // result of a bfloat16 run.
  bool round_matrices = false;
  DType weight_dtype = DType::float32;  // bfloat16: all weights rounded to it, for training over float32 masters
};

using NamedValues = std::map<std::string, std::vector<double>>;  // by parameter

// Every parameter of a block at `base` in the backend's memory.
inline NamedValues download_parameters(Backend& backend, const model::ParameterLayout& layout, void* base) {
  NamedValues all;
  for (const auto& parameter : layout.parameters()) {
    std::vector<char> stored(static_cast<size_t>(parameter.count()) * size_of(parameter.dtype));
    std::vector<float> values(static_cast<size_t>(parameter.count()));
    backend.download(stored.data(), layout.tensor(parameter, base).data, static_cast<int64_t>(stored.size()));
    widen(stored.data(), parameter.dtype, values.data(), values.size());
    all[parameter.name] = as<double>(values);
  }
  return all;
}

// With a float32 copy if training in a 16-bit precision with float32 state needs one.
inline std::unique_ptr<model::RewardModel> load_model(const std::string& folder, const ModelRun& run) {
  const bool rounds = run.precision != DType::float32 || run.weight_dtype != DType::float32;
  const bool copy = rounds && run.optimizer_state == DType::float32;
  auto loaded = model::RewardModel::load(
      {.folder = folder, .precision = run.precision, .float32_copy = copy, .weight_dtype = run.weight_dtype},
      run.backend);
  if (run.round_matrices) {
    const auto& layout = loaded->parameters().layout();
    for (const auto& parameter : layout.parameters()) {
      if (!parameter.is_matrix()) continue;
      std::vector<float> values(static_cast<size_t>(parameter.count()));
      void* memory = layout.tensor(parameter, loaded->parameters().data()).data;
      const auto bytes = static_cast<int64_t>(values.size() * sizeof(float));
      run.backend.download(values.data(), memory, bytes);
      for (float& value : values) value = bfloat16_to_float(float_to_bfloat16(value));
      run.backend.upload(memory, values.data(), bytes);
    }
  }
  return loaded;
}

inline std::vector<float> score(const std::string& folder, const OwnedSamples& samples, const ModelRun& run) {
  const auto loaded = load_model(folder, run);
  inference::Scorer scorer(*loaded, {.micro_batch_tokens = run.micro_batch_tokens, .share_prompts = run.share_prompts});
  return scorer.score(samples.view(), Control()).rewards;
}

struct LossAndGradients {
  double loss = 0;
  NamedValues gradients;
};

// Loss of the samples in one packed tree, and the gradient of every parameter before clipping.
inline LossAndGradients gradients_of(model::RewardModel& loaded, const OwnedSamples& samples,
                                     std::vector<Comparison> pairs, const ModelRun& run) {
  std::vector<int32_t> all(samples.groups.size());
  std::iota(all.begin(), all.end(), 0);
  const PackedTree tree = pack_tree(samples.view(), all, run.share_prompts);
  std::vector<int32_t> place(all.size());
  for (size_t r = 0; r < tree.samples.size(); ++r)
    place[static_cast<size_t>(tree.samples[r])] = static_cast<int32_t>(r);
  for (Comparison& c : pairs) c.a = place[static_cast<size_t>(c.a)], c.b = place[static_cast<size_t>(c.b)];

  model::Decoder decoder(loaded.architecture(), loaded.parameters().tensors(), run.backend,
                         {.rows = tree.rows(),
                          .rewards = tree.rewards(),
                          .longest_path = tree.longest_path,
                          .training = true,
                          .checkpointing = run.checkpointing,
                          .dtype = loaded.activations()});
  const model::ParameterLayout layout(loaded.architecture(), run.optimizer_state);
  const auto memory = run.backend.allocate(layout.bytes(), "gradients"),
             sums_memory = run.backend.allocate(2 * sizeof(double), "the loss");
  auto* device_sums = static_cast<double*>(sums_memory->data());
  model::HeadGradients& head = *loaded.reward_head().gradients();
  const model::HeadBatch batch{tree, decoder.forward_hidden(tree, Control()), decoder.rewards(tree)};
  head.forward(batch);
  run.backend.operations().ranking_loss({.sums = device_sums,
                                         .d_rewards = decoder.d_rewards(tree),
                                         .rewards = decoder.rewards(tree),
                                         .comparisons = pairs,
                                         .total_comparisons = static_cast<int64_t>(pairs.size()),
                                         .total_rewards = tree.rewards(),
                                         .reg_coef = 0.1f});
  const model::ModelTensors gradients = layout.tensors(memory->data());
  head.backward(batch, decoder.d_rewards(tree), decoder.d_hidden(tree), gradients);
  decoder.backward(tree, gradients, Control());
  double sums[2];
  run.backend.download(sums, device_sums, sizeof sums);
  return {sums[0] + 0.1 * sums[1], download_parameters(run.backend, layout, memory->data())};
}

// The same for the reference's training set.
inline LossAndGradients gradients_of(const ReferenceModel& reference, const ModelRun& run) {
  const auto loaded = load_model(reference.folder(), run);
  std::vector<Comparison> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  return gradients_of(*loaded, samples, pairs, run);
}

struct TrainedModel {
  std::vector<training::StepResult> steps;
  NamedValues parameters;  // float32 ones where there are two
};

// Trains `count` steps on the reference's whole training set, as its README says.
inline TrainedModel train_on(const ReferenceModel& reference, const ModelRun& run, int64_t count) {
  const auto loaded = load_model(reference.folder(), run);
  training::Trainer trainer(*loaded, {.micro_batch_tokens = run.micro_batch_tokens,
                                      .gradient_checkpointing = run.checkpointing,
                                      .share_prompts = run.share_prompts,
                                      .optimizer_state = run.optimizer_state,
                                      .reg_coef = 0.1f});
  std::vector<Comparison> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  TrainedModel trained;
  for (int64_t step = 1; step <= count; ++step) {
    trained.steps.push_back(
        trainer.step(samples.view(), pairs,
                     {.step = step, .learning_rate = 1e-3, .weight_decay = 0.01, .max_grad_norm = 1}, Control()));
  }
  trained.parameters = download_parameters(run.backend, loaded->parameters().layout(), loaded->parameters().data());
  return trained;
}

// --- against transformers' numbers, in float32

// In addition to the tolerance of all models, twice the float32 error of transformers itself with this model (largest
// for Gemma 2). The change from a single mistake, `sensitivity_max_abs_reward_change`, is at least thirty times as
// large.
inline double reward_tolerance(const ReferenceModel& reference) {
  return kRewardTolerance + 2 * reference.json()["eval_hf_f32_max_err"].get<double>();
}

inline void check_reward(double found, double expected, double tolerance) {
  CHECK(std::abs(found - expected) <= tolerance * std::max(1.0, std::abs(expected)));
}

inline void check_single_sequences(const ReferenceModel& reference, const ModelRun& run) {
  std::vector<double> expected;
  const OwnedSamples samples = reference.sequences(expected);
  const auto rewards = score(reference.folder(), samples, run);
  for (size_t i = 0; i < expected.size(); ++i) check_reward(rewards[i], expected[i], reward_tolerance(reference));
}

inline std::vector<double> read_values(const storage::SafetensorsFile& file, const std::string& name) {
  const auto* view = file.find(name);
  REQUIRE(view != nullptr);
  std::vector<float> values(static_cast<size_t>(view->elements()));
  file.read_float32(name, values.data(), view->shape);
  return as<double>(values);
}

inline NamedValues reference_gradients(const ReferenceModel& reference, const NamedValues& names) {
  NamedValues gradients;
  const auto arrays = reference.arrays();
  for (const auto& [name, values] : names) gradients[name] = read_values(arrays, "grad." + name);
  return gradients;
}

inline double first_loss(const ReferenceModel& reference) {
  return reference.json()["train"]["steps_f64"][0]["loss"].get<double>();
}

inline void check_gradients(const ReferenceModel& reference, const ModelRun& run) {
  const LossAndGradients found = gradients_of(reference, run);
  CHECK(found.loss == doctest::Approx(first_loss(reference)).epsilon(kScalarTolerance));
  for (const auto& [name, expected] : reference_gradients(reference, found.gradients)) {
    CAPTURE(name);
    CHECK(worst_error(found.gradients.at(name), expected) <= kGradientTolerance * largest(expected));
  }
}

// Three steps on the whole set, then every parameter is compared. If float32 does not determine a step (AdamW follows
// the signs of gradients that are nearly zero, as in Gemma 2's third step), the tolerance is the effect of rounding on
// transformers' own float32 run.
inline void check_three_steps(const ReferenceModel& reference, const ModelRun& run) {
  const TrainedModel found = train_on(reference, run, 3);
  const auto& spread = reference.float32_spread();
  const auto& steps = reference.json()["train"]["steps_f64"];
  for (size_t step = 0; step < 3; ++step) {
    const auto& result = found.steps[step];
    const auto& expected = steps[step];
    CHECK(result.loss == doctest::Approx(expected["loss"].get<double>()).epsilon(kScalarTolerance));
    const double norm = expected["grad_norm_before_clip"].get<double>();
    const double once = std::abs(reference.json()["train"]["grad_norm_f32"][step].get<double>() - norm);
    const double theirs = spread.is_null() ? 3 * once : spread["grad_norm"][step].get<double>();
    CHECK(std::abs(result.gradient_norm - norm) <= std::max(kScalarTolerance * (1 + norm), theirs));
    for (size_t r = 0; r < result.rewards.size(); ++r) {
      check_reward(result.rewards[r], expected["rewards"][r].get<double>(),
                   step == 0 ? reward_tolerance(reference) : 1e-3);
    }
  }
  const double close_share = std::min(0.995, spread.is_null() ? 1.0 : spread["close_share"].get<double>());
  const auto arrays = reference.arrays();
  for (const auto& [name, values] : found.parameters) {
    CAPTURE(name);
    const auto expected = read_values(arrays, "adamw3." + name);
    REQUIRE(values.size() == expected.size());
    size_t close = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double error = std::abs(values[i] - expected[i]);
      CHECK(error <= 3e-3);
      close += error <= 2e-5;
    }
    CHECK(static_cast<double>(close) >= close_share * static_cast<double>(expected.size()));
  }
}

}  // namespace cheems::testing
