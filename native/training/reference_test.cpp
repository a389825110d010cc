// The engine against transformers: rewards, gradients and three AdamW steps of every family, both config spellings,
// within the tolerances that tests/reference/huggingface/README.md derives.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "batch/packed_tree.h"
#include "inference/scorer.h"
#include "model/decoder.h"
#include "testing/reference.h"
#include "training/trainer.h"

namespace cheems {
namespace {

using testing::OwnedSamples;
using testing::ReferenceModel;

const std::vector<std::string> kClassifiers = {"llama-gqa", "llama3-rope", "mistral-sliding", "qwen2-gqa", "qwen2-tied", "qwen3-qknorm"};
constexpr double kRewardTolerance = 2e-5, kGradientTolerance = 2e-4, kScalarTolerance = 1e-4;

// Calls check(name, model) for every classifier and config spelling.
template <class Check>
void for_each_reference(Check check) {
  for (const auto& name : kClassifiers) {
    for (const bool legacy : {false, true}) {
      CAPTURE(name);
      CAPTURE(legacy);
      check(ReferenceModel(testing::reference_folder(name), legacy));
    }
  }
}

std::vector<float> read(const storage::SafetensorsFile& file, const std::string& name) {
  const auto* view = file.find(name);
  REQUIRE(view != nullptr);
  std::vector<float> values(static_cast<size_t>(view->elements()));
  file.read_float32(name, values.data(), view->shape);
  return values;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float value : values) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

std::vector<float> score(const std::string& folder, const OwnedSamples& samples, int threads, int64_t micro_batch_tokens = 8192, bool share = true) {
  const auto backend = create_cpu_backend(threads);
  const auto model = model::RewardModel::load({.folder = folder}, *backend);
  inference::Scorer scorer(*model, {.micro_batch_tokens = micro_batch_tokens, .share_prompts = share});
  return scorer.score(samples.view(), Control()).rewards;
}

TEST_CASE("rewards of single sequences equal transformers'") {
  for_each_reference([](const ReferenceModel& reference) {
    std::vector<double> expected;
    const OwnedSamples samples = reference.sequences(expected);
    const auto rewards = score(reference.folder(), samples, 1);
    for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(rewards[i] - expected[i]) <= kRewardTolerance * std::max(1.0, std::abs(expected[i])));
  });
}

TEST_CASE("a sample's reward has the same bits alone, in any batch, order, micro-batch size, with any threads, shared or not") {
  for_each_reference([](const ReferenceModel& reference) {
    std::vector<int32_t> pairs;
    const OwnedSamples samples = reference.training_set(pairs);
    const auto expected = score(reference.folder(), samples, 1);
    CHECK(score(reference.folder(), samples, 3) == expected);
    CHECK(score(reference.folder(), samples, 2, 8192, false) == expected);
    for (const int64_t budget : {1, 7, 33, 100}) CHECK(score(reference.folder(), samples, 2, budget) == expected);
    for (size_t s = 0; s < samples.groups.size(); ++s) {
      OwnedSamples alone;
      alone.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]}, 0);
      CHECK(score(reference.folder(), alone, 1)[0] == expected[s]);
    }
    OwnedSamples reversed;
    for (size_t s = samples.groups.size(); s-- > 0;) reversed.add({samples.tokens.begin() + samples.offsets[s], samples.tokens.begin() + samples.offsets[s + 1]}, samples.groups[s]);
    auto backwards = score(reference.folder(), reversed, 2);
    std::reverse(backwards.begin(), backwards.end());
    CHECK(backwards == expected);
  });
}

// Gradients of the first step, before clipping.
void check_gradients(const ReferenceModel& reference, bool share, bool checkpointing) {
  const auto backend = create_cpu_backend(2);
  const auto model = model::RewardModel::load({.folder = reference.folder()}, *backend);
  std::vector<int32_t> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  std::vector<int32_t> all(samples.groups.size());
  std::iota(all.begin(), all.end(), 0);
  const PackedTree tree = pack_tree(samples.view(), all, share);
  std::vector<int32_t> place(all.size()), local;
  for (size_t r = 0; r < tree.samples.size(); ++r) place[static_cast<size_t>(tree.samples[r])] = static_cast<int32_t>(r);
  for (const int32_t sample : pairs) local.push_back(place[static_cast<size_t>(sample)]);

  model::Decoder decoder(model->architecture(), model->parameters().tensors(), *backend, {.rows = tree.rows(), .rewards = tree.rewards(), .longest_path = tree.longest_path, .training = true, .checkpointing = checkpointing});
  const auto& layout = model->parameters().layout();
  const auto memory = backend->allocate(layout.bytes(), "gradients");
  const auto sums_memory = backend->allocate(2 * sizeof(double), "the loss");
  auto* device_sums = static_cast<double*>(sums_memory->data());
  decoder.forward(tree, Control());
  backend->operations().ranking_loss({.sums = device_sums, .d_rewards = decoder.d_rewards(tree), .rewards = decoder.rewards(tree), .pairs = local,
                                      .total_pairs = static_cast<int64_t>(pairs.size() / 2), .total_rewards = tree.rewards(), .reg_coef = 0.1f});
  decoder.backward(tree, layout.tensors(memory->data()), Control());
  double sums[2];
  backend->download(sums, device_sums, sizeof sums);
  CHECK(sums[0] + 0.1 * sums[1] == doctest::Approx(reference.json()["train"]["steps_f64"][0]["loss"].get<double>()).epsilon(kScalarTolerance));
  const auto arrays = reference.arrays();
  for (const auto& parameter : layout.parameters()) {
    CAPTURE(parameter.name);
    const auto expected = read(arrays, "grad." + parameter.name);
    const auto* found = floats(layout.tensor(parameter, memory->data()));
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(found[i]) - expected[i]));
    CHECK(worst <= kGradientTolerance * largest(expected));
  }
}

TEST_CASE("gradients of every parameter equal transformers', with shared prompts and without, recomputed and kept") {
  for_each_reference([](const ReferenceModel& reference) {
    check_gradients(reference, true, false);
    check_gradients(reference, false, false);
    check_gradients(reference, true, true);
  });
}

// Three steps on the whole set, then every parameter.
void check_three_steps(const ReferenceModel& reference, int64_t micro_batch_tokens, int threads) {
  const auto backend = create_cpu_backend(threads);
  const auto model = model::RewardModel::load({.folder = reference.folder()}, *backend);
  training::Trainer trainer(*model, {.micro_batch_tokens = micro_batch_tokens, .reg_coef = 0.1f});
  std::vector<int32_t> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  const auto& steps = reference.json()["train"]["steps_f64"];
  for (int64_t step = 1; step <= 3; ++step) {
    const auto result = trainer.step(samples.view(), pairs, {.step = step, .learning_rate = 1e-3, .weight_decay = 0.01, .max_grad_norm = 1}, Control());
    const auto& expected = steps[static_cast<size_t>(step - 1)];
    CHECK(result.loss == doctest::Approx(expected["loss"].get<double>()).epsilon(kScalarTolerance));
    CHECK(result.gradient_norm == doctest::Approx(expected["grad_norm_before_clip"].get<double>()).epsilon(kScalarTolerance));
    for (size_t r = 0; r < result.rewards.size(); ++r) CHECK(std::abs(result.rewards[r] - expected["rewards"][r].get<double>()) <= (step == 1 ? kRewardTolerance : 1e-3) * std::max(1.0, std::abs(expected["rewards"][r].get<double>())));
  }
  const auto arrays = reference.arrays();
  for (const auto& parameter : model->parameters().layout().parameters()) {
    CAPTURE(parameter.name);
    const auto expected = read(arrays, "adamw3." + parameter.name);
    const auto* found = floats(model->parameters().layout().tensor(parameter, model->parameters().data()));
    size_t close = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double error = std::abs(static_cast<double>(found[i]) - expected[i]);
      CHECK(error <= 3e-3);
      close += error <= 2e-5;
    }
    CHECK(static_cast<double>(close) >= 0.995 * static_cast<double>(expected.size()));
  }
}

TEST_CASE("three training steps equal transformers', whole or cut into micro-batches") {
  for_each_reference([](const ReferenceModel& reference) {
    check_three_steps(reference, 8192, 2);
    check_three_steps(reference, 20, 1);  // prompts are cut between their responses
  });
}

TEST_CASE("training repeats bit for bit with any number of threads") {
  const ReferenceModel reference(testing::reference_folder("qwen3-qknorm"), false);
  std::vector<int32_t> pairs;
  const OwnedSamples samples = reference.training_set(pairs);
  std::vector<std::vector<float>> runs;
  for (const int threads : {1, 2, 5}) {
    const auto backend = create_cpu_backend(threads);
    const auto model = model::RewardModel::load({.folder = reference.folder()}, *backend);
    training::Trainer trainer(*model, {});
    for (int64_t step = 1; step <= 3; ++step) trainer.step(samples.view(), pairs, {.step = step, .learning_rate = 1e-3}, Control());
    const auto* values = static_cast<const float*>(model->parameters().data());
    runs.emplace_back(values, values + model->parameters().layout().bytes() / 4);
  }
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0] == runs[2]);
}

}  // namespace
}  // namespace cheems
