// Every kind of head on the device: in float32 against the published definitions, in bfloat16 near them.
#include "model/heads/head_check.h"
#include "testing/operation_check.h"
#include "training/trainer.h"

namespace cheems::model {
namespace {

using namespace testing;

std::vector<float> rewards_in(const KnownHead& known, DType precision) {
  const HeadReference reference(known.name);
  const auto model = RewardModel::load(
      {.folder = reference.folder(), .precision = precision, .reward_head = known.choice}, device_backend());
  return score(*model, reference.batch(true), {.micro_batch_tokens = 150});
}

TEST_CASE("heads on the device: every kind scores as its definition in float32, and twice the same") {
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const auto expected = HeadReference(known.name).rewards();
    const auto found = rewards_in(known, DType::float32);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      CHECK(std::abs(found[i] - expected[i]) <= 3e-5 * std::max(1.0, std::abs(expected[i])));
    CHECK(rewards_in(known, DType::float32) == found);
  }
}

// The hidden states carry bfloat16's rounding (3 decimal digits) into heads of order one; ranks far apart must stay.
TEST_CASE("heads on the device: every kind in bfloat16 keeps near its definition") {
  for (const KnownHead& known : kKnownHeads) {
    CAPTURE(std::string(known.name));
    const auto expected = HeadReference(known.name).rewards();
    const auto found = rewards_in(known, DType::bfloat16);
    double spread = 0, worst = 0;
    for (const double reward : expected) spread = std::max(spread, std::abs(reward));
    for (size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]));
    CAPTURE(worst);
    CHECK(worst <= 0.15 * std::max(spread, 0.5));
  }
}

TEST_CASE("heads on the device: one of several layers trains as on the CPU") {
  const HeadReference reference("grm-mlp-deep");
  const auto batch = reference.batch(false);
  const auto pairs = comparisons_of(std::vector<int32_t>{1, 0, 3, 2});
  const auto steps = [&](Backend& backend, DType precision) {
    const auto model = RewardModel::load(
        {.folder = reference.folder(), .precision = precision, .float32_copy = precision != DType::float32}, backend);
    training::Trainer trainer(*model, {});
    std::vector<training::StepResult> results;
    for (int64_t step = 1; step <= 3; ++step)
      results.push_back(trainer.step(batch.view(), pairs, {.step = step, .learning_rate = 1e-3}, Control()));
    return results;
  };
  const auto expected = steps(cpu_backend(2), DType::float32), found = steps(device_backend(), DType::float32),
             narrow = steps(device_backend(), DType::bfloat16);
  for (size_t step = 0; step < expected.size(); ++step) {
    CHECK(found[step].loss == doctest::Approx(expected[step].loss).epsilon(1e-3));
    CHECK(found[step].gradient_norm == doctest::Approx(expected[step].gradient_norm).epsilon(5e-3));
    CHECK(narrow[step].loss == doctest::Approx(expected[step].loss).epsilon(0.1));
  }
}

}  // namespace
}  // namespace cheems::model
