#include "model/heads/head_check.h"
#include "testing/cpu.h"
#include "testing/plain_backend.h"
#include "testing/small_model.h"
#include "training/trainer.h"

namespace cheems::model {
namespace {

using namespace testing;

constexpr double kRewardTolerance = 3e-5;  // fixtures/reference/models/README.md; absolute, or relative to 1

std::unique_ptr<RewardModel> load(const KnownHead& known, int threads = 1) {
  return RewardModel::load({.folder = HeadReference(known.name).folder(), .reward_head = known.choice},
                           cpu_backend(threads));
}

void check_rewards(const std::vector<float>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= kRewardTolerance * std::max(1.0, std::abs(expected[i])));
  }
}

TEST_CASE("heads: every published kind is recognized from config and tensors, and scores as its definition") {
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const HeadReference reference(known.name);
    const auto model = load(known);
    CHECK(model->head().kind == known.kind);
    check_rewards(score(*model, reference.batch(false)), reference.rewards());
  }
}

TEST_CASE("heads: the same bits alone, in any micro-batch, in one group, with any threads") {
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const HeadReference reference(known.name);
    const auto model = load(known), three = load(known, 3);
    const auto expected = score(*model, reference.batch(false));
    CHECK(score(*three, reference.batch(true)) == expected);
    CHECK(score(*model, reference.batch(true), {.micro_batch_tokens = 40}) == expected);
    std::vector<float> alone;
    for (size_t i = 0; i < 6; ++i) {
      for (const float reward : score(*model, reference.batch(false, i, 1))) alone.push_back(reward);
    }
    CHECK(alone == expected);
  }
}

TEST_CASE("heads: OpenRLHF's mean and std are applied when asked for, and only by heads that have them") {
  const HeadReference reference("openrlhf-score");
  const auto model = RewardModel::load({.folder = reference.folder(), .normalize_reward = true}, cpu_backend(1));
  check_rewards(score(*model, reference.batch(false)), reference.rewards("reward_normalized_f64"));
  check_refused(refusal([] {
                  RewardModel::load({.folder = HeadReference("eurus").folder(), .normalize_reward = true},
                                    cpu_backend(1));
                }),
                {"config.json", "mean"});
  check_refused(refusal([] {
                  RewardModel::load({.folder = HeadReference("inf-orm").folder(), .normalize_reward = true},
                                    cpu_backend(1));
                }),
                {"`normalizeReward`", "relu_layers"});
}

TEST_CASE("heads: two are refused unless one is chosen; what is not there cannot be chosen") {
  const SmallModel folder;
  auto tensors = folder.tensors();
  const auto first = tensors["score.weight"];
  tensors["regression_head.weight"] = first;
  for (float& w : tensors["regression_head.weight"].values) w = -w;
  folder.write(tensors);
  const auto load_small = [&](const std::string& choice) {
    return RewardModel::load({.folder = folder.folder(), .reward_head = choice}, cpu_backend(1));
  };
  check_refused(refusal([&] { load_small(""); }),
                {"two reward heads", "score.weight", "regression_head.weight", "`rewardHead: NAME`"});
  check_refused(refusal([&] { load_small("linear"); }), {"two reward heads"});
  check_refused(refusal([&] { load_small("process"); }), {"no reward head", "process", "score.weight"});
  HeadReference::Batch batch;
  batch.samples.add({1, 2, 3}, 0);
  const auto one = load_small("score.weight"), other = load_small("regression_head.weight");
  CHECK(other->head_source() == "regression_head.weight");
  CHECK(score(*one, batch)[0] == -score(*other, batch)[0]);
}

TEST_CASE("heads: wrong readouts are refused") {
  const auto gated = load({"armorm", ""}), linear = load({"eurus", ""});
  auto batch = HeadReference("armorm").batch(false);
  check_refused(refusal([&] { score(*linear, batch); }), {"reads the last token"});
  batch.readouts.clear();
  check_refused(refusal([&] { score(*gated, batch); }), {"more than the last token"});
  batch = HeadReference("armorm").batch(false);
  batch.readouts[0] = 100;
  check_refused(refusal([&] { score(*gated, batch); }), {"Sample 0", "token 100"});
}

TEST_CASE("heads: InternLM2 is saved as the Llama that it is, with the same rewards") {
  const HeadReference reference("internlm2-reward");
  const auto model = load({"internlm2-reward", ""});
  CHECK(model->architecture().saved_family == "llama");
  CHECK(model->architecture().reward_token_id == 96);
  const storage::testing::TemporaryFolder folder;
  auto config = nlohmann::json::parse(std::ifstream(reference.folder() + "/config.json"));
  config["model_type"] = "llama";
  folder.put("config.json", config.dump());
  model->save_weights(folder.file("model.safetensors"));
  const auto again = RewardModel::load({.folder = folder.path.string()}, cpu_backend(1));
  CHECK(again->head_source() == "score.weight");
  CHECK(score(*again, reference.batch(false)) == score(*model, reference.batch(false)));
}

TEST_CASE("heads: linear ones and layers with ReLU are trained, the others are refused") {
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const HeadReference reference(known.name);
    const LoadOptions options{.folder = reference.folder(), .create_head = true, .reward_head = known.choice};
    if (std::string(known.kind) != "linear" && std::string(known.kind) != "relu_layers") {
      check_refused(refusal([&] { RewardModel::load(options, cpu_backend(1)); }), {known.kind, "not trained"});
      continue;
    }
    const auto model = RewardModel::load(options, cpu_backend(1));
    // The differences between rewards are those of the published rule: an offset alone may be missing.
    const auto batch = reference.batch(false);
    const auto expected = reference.rewards();
    training::Trainer trainer(*model, {});
    const auto before = trainer.score(batch.view(), Control());
    for (size_t i = 1; i < before.size(); ++i)
      CHECK(before[i] - before[0] == doctest::Approx(expected[i] - expected[0]).epsilon(1e-4));
    const std::vector<Comparison> pairs = {{.a = 1, .b = 0}, {.a = 3, .b = 2}};
    const auto step = trainer.step(batch.view(), pairs, {.learning_rate = 1e-4}, Control());
    CHECK(trainer.step(batch.view(), pairs, {.learning_rate = 1e-4}, Control()).loss < step.loss);
  }
}

std::vector<float> values_of(const Tensor& tensor) {
  return {floats(tensor), floats(tensor) + tensor.rows * tensor.columns};
}

// A weighed sum of rewards around the weights in memory.
TEST_CASE(
    "heads: gradients of a head of several layers equal differences in float64, with equal samples, whatever is "
    "trained") {
  for (const char* name : {"grm-mlp-deep", "inf-orm", "qwen2-math-rm", "grm-mlp"}) {
    CAPTURE(std::string(name));
    const auto model = RewardModel::load({.folder = HeadReference(name).folder()}, plain_backend<double>());
    Backend& backend = model->backend();
    HeadGradients& head = *model->reward_head().gradients();
    const ParameterLayout layout(model->architecture(), DType::float32, model->parameters().layout().end(),
                                 TrainedSet());
    const auto memory = backend.allocate(layout.bytes(), "gradients");
    const ModelTensors gradients = layout.tensors(memory->data());
    constexpr int64_t kRows = 3;
    PackedTree tree;
    tree.samples = {0, 1, 2, 3};
    tree.reward_index = {0, 2, 1, 2};  // two samples are equal
    const int64_t hidden_size = model->architecture().hidden_size;
    std::vector<float> hidden = random_floats(kRows * hidden_size, 3), d_hidden(hidden.size()), rewards(4),
                       d_rewards = {1, -2, 0.5f, 3};
    const HeadBatch batch{tree, float_tensor(hidden.data(), kRows, hidden_size), float_tensor(rewards.data(), 1, 4)};
    const auto weighed_rewards = [&] {
      head.forward(batch);
      double sum = 0;
      for (size_t r = 0; r < rewards.size(); ++r)
        sum += static_cast<double>(rewards[r]) * static_cast<double>(d_rewards[r]);
      return sum;
    };
    weighed_rewards();
    head.backward(batch, float_tensor(d_rewards.data(), 1, 4), float_tensor(d_hidden.data(), kRows, hidden_size),
                  gradients);
    // Rewards are float32: what a change of a thousandth makes is known to about a part in a thousand.
    const auto check = [&](const Tensor& values, const Tensor& gradient, const char* what) {
      CAPTURE(std::string(what));
      double most = 0;
      for (int64_t i = 0; i < values.rows * values.columns; ++i)
        most = std::max(most, std::abs(static_cast<double>(floats(gradient)[i])));
      CHECK(most > 0);
      for (int64_t i = 0; i < values.rows * values.columns; i += 7) {
        const float kept = floats(values)[i];
        floats(values)[i] = kept + 1e-3f;
        const double above = weighed_rewards();
        floats(values)[i] = kept - 1e-3f;
        const double below = weighed_rewards();
        floats(values)[i] = kept;
        CHECK(std::abs((above - below) / 2e-3 - static_cast<double>(floats(gradient)[i])) <= 5e-3 * most + 2e-3);
      }
    };
    check(batch.hidden, float_tensor(d_hidden.data(), kRows, hidden_size), "hidden states");
    const ModelTensors& weights = model->parameters().tensors();
    for (size_t layer = 0; layer < weights.head_layers.size(); ++layer) {
      check(weights.head_layers[layer].weight, gradients.head_layers[layer].weight, "weight");
      if (weights.head_layers[layer].bias)
        check(weights.head_layers[layer].bias, gradients.head_layers[layer].bias, "bias");
    }
    // One layer alone, and nothing below the head: the same bits, and no others are written.
    weighed_rewards();
    for (size_t only = 0; only < weights.head_layers.size(); ++only) {
      const auto some_memory = backend.allocate(layout.bytes(), "gradients");
      ModelTensors some = layout.tensors(some_memory->data());
      for (size_t layer = 0; layer < some.head_layers.size(); ++layer) {
        if (layer != only) some.head_layers[layer] = {};
      }
      head.backward(batch, float_tensor(d_rewards.data(), 1, 4), {}, some);
      CHECK(same_bits(values_of(some.head_layers[only].weight), values_of(gradients.head_layers[only].weight)));
    }
  }
}

TEST_CASE("heads: one of several layers trains with its network, is saved under its names, and goes on bit for bit") {
  for (const char* name : {"grm-mlp-deep", "inf-orm"}) {
    CAPTURE(std::string(name));
    const HeadReference reference(name);
    const storage::testing::TemporaryFolder folder;
    std::filesystem::copy_file(reference.folder() + "/config.json", folder.file("config.json"));
    const auto model = RewardModel::load({.folder = reference.folder()}, cpu_backend(2));
    const auto exact = RewardModel::load({.folder = reference.folder()}, plain_backend<double>());
    training::Trainer trainer(*model, {}), truth(*exact, {});
    const auto batch = reference.batch(false);
    const auto pairs = comparisons_of(std::vector<int32_t>{1, 0, 3, 2});
    const auto step = [&](training::Trainer& one, int64_t number) {
      return one.step(batch.view(), pairs, {.step = number, .learning_rate = 1e-3}, Control());
    };
    const auto first = step(trainer, 1), expected = step(truth, 1);
    CHECK(first.loss == doctest::Approx(expected.loss).epsilon(1e-5));
    CHECK(first.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(1e-4));
    model->save_weights(folder.file("model.safetensors"));
    trainer.save_optimizer(folder.file("optimizer.safetensors"));
    const auto again = RewardModel::load({.folder = folder.path.string()}, cpu_backend(1));
    CHECK(again->head().kind == "relu_layers");
    CHECK(score(*again, batch) == trainer.score(batch.view(), Control()));
    training::Trainer resumed(*again, {});
    resumed.load_optimizer(folder.file("optimizer.safetensors"));
    const auto second = step(trainer, 2);
    CHECK(step(resumed, 2).loss == second.loss);
    CHECK(second.loss < first.loss);
    CHECK(same_bits(parameter_values(*again), parameter_values(*model)));
    const auto before = RewardModel::load({.folder = reference.folder()}, cpu_backend(1));
    CHECK_FALSE(same_bits(values_of(before->parameters().tensors().head_layers[0].weight),
                          values_of(model->parameters().tensors().head_layers[0].weight)));
  }
}

}  // namespace
}  // namespace cheems::model
