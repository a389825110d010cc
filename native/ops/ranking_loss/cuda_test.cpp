#include "ops/ranking_loss/ranking_loss.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

struct LossCase {
  std::vector<float> rewards;
  std::vector<Comparison> comparisons;
  float reg_coef = 0;
  int64_t total_comparisons = 1, total_rewards = 1;
};

struct Loss {
  std::vector<double> sums, d_rewards;
};

std::vector<Comparison> pairs(const std::vector<int32_t>& chosen_and_rejected) {
  return comparisons_of(chosen_and_rejected);
}

// The device's loss, held to the plain loops' in double: the sums to the last bits of a double, the gradient to a
// rounding.
Loss check_loss(const LossCase& c) {
  Loss loss;
  const auto run = [&](Site& site) -> OutputList {
    double* sums = site.doubles({1, 2});  // added to
    const Tensor rewards = site.vector(c.rewards), d_rewards = site.vector(static_cast<int64_t>(c.rewards.size()));
    site->ranking_loss({.sums = sums,
                        .d_rewards = d_rewards,
                        .rewards = rewards,
                        .comparisons = c.comparisons,
                        .total_comparisons = c.total_comparisons,
                        .total_rewards = c.total_rewards,
                        .reg_coef = c.reg_coef});
    const Values got = site.values(sums, 2), gradient = site.values(d_rewards);
    loss = {got.numbers, gradient.numbers};
    return {{"sums", got, kOutputs}, {"d_rewards", gradient, kGradients}};
  };
  check_operation({.rows = static_cast<int64_t>(c.rewards.size())}, run, {.bfloat16 = false});
  (void)outputs_on(plain_backend<double>(), {}, {}, {}, Placement::ragged, run);
  const Loss exact = loss;
  (void)outputs_on(device_backend(), {}, {}, {}, Placement::ragged, run);
  for (size_t i = 0; i < 2; ++i) CHECK(std::abs(loss.sums[i] - exact.sums[i]) <= 1e-13 * exact.sums[i]);
  for (size_t i = 0; i < c.rewards.size(); ++i)
    CHECK(std::abs(loss.d_rewards[i] - exact.d_rewards[i]) <= 0x1p-23 * std::abs(exact.d_rewards[i]) + 1e-13);
  return loss;
}

TEST_CASE(
    "cuda ranking_loss: few pairs, a sample in many pairs, one in none, a pair twice; with and without the "
    "regularizer") {
  const LossCase c{random_floats(6, 1, 2), pairs({0, 1, 0, 2, 3, 1, 0, 1, 4, 3}), 0, 9, 11};
  const Loss without = check_loss(c);
  CHECK(without.d_rewards[5] == 0);
  LossCase with = c;
  with.reg_coef = 0.1f;
  CHECK(check_loss(with).d_rewards[5] ==
        doctest::Approx(2 * 0.1 * static_cast<double>(c.rewards[5]) / 11).epsilon(1e-6));
}

TEST_CASE("cuda ranking_loss: pairs over several tiles and rewards over several blocks") {
  LossCase many{random_floats(300, 2, 3), {}, 0.01f, 5000, 400};
  RandomStream random(3, 0);
  for (int pair = 0; pair < 461; ++pair) {
    const auto chosen = static_cast<int32_t>(random.next() % 300);
    many.comparisons.push_back(
        {.a = chosen, .b = static_cast<int32_t>((static_cast<uint64_t>(chosen) + 1 + random.next() % 299) % 300)});
  }
  check_loss(many);
  // Targets from 0 to 1, weights from 0, margins of both signs.
  for (size_t i = 0; i < many.comparisons.size(); ++i) {
    Comparison& c = many.comparisons[i];
    c.target = static_cast<float>(i % 5) / 4, c.weight = static_cast<float>(i % 7) / 2,
    c.margin = static_cast<float>(i % 9) - 4;
  }
  check_loss(many);
}

TEST_CASE("cuda ranking_loss: no pairs, or no rewards") {
  const Loss rewards_alone = check_loss({{1, 2, -2}, {}, 0.5f, 7, 3});
  CHECK(rewards_alone.sums == std::vector<double>{1, 2 + 3});
  CHECK(rewards_alone.d_rewards[1] == static_cast<double>(2.0f / 3));
  CHECK(check_loss({{1, 2}, {}, 0, 0, 2}).sums == std::vector<double>{1, 2 + 2.5});  // no pair in the whole batch
  CHECK(check_loss({{}, {}, 0.5f, 7, 3}).sums == std::vector<double>{1, 2});
}

TEST_CASE("cuda ranking_loss: differences of any size neither overflow nor lose their gradient") {
  for (const float difference : {100.0f, 1e4f, 1e30f}) {
    CAPTURE(difference);
    const Loss right = check_loss({{difference, 0}, pairs({0, 1}), 0, 1, 2}),
               wrong = check_loss({{0, difference}, pairs({0, 1}), 0, 1, 2});
    CHECK(std::abs(right.d_rewards[0]) <= 1e-40);
    CHECK(wrong.sums[0] == doctest::Approx(1 + static_cast<double>(difference)));
    CHECK(wrong.d_rewards == std::vector<double>{-1, 1});
  }
  Site site(device_backend(), {}, {}, {});
  double* sums = site.doubles({0, 0});
  const Tensor rewards = site.vector({NAN, 1}), d_rewards = site.vector(2);
  site->ranking_loss({.sums = sums,
                      .d_rewards = d_rewards,
                      .rewards = rewards,
                      .comparisons = pairs({0, 1}),
                      .total_comparisons = 1,
                      .total_rewards = 2,
                      .reg_coef = 0.1f});
  CHECK(std::isnan(site.values(sums, 1).numbers[0]));
}

}  // namespace
}  // namespace cheems
