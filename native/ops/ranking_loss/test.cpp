#include <cmath>

#include "ops/ranking_loss/ranking_loss.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

struct Loss {
  double ranking = 0, regularizer = 0;
  std::vector<float> d_rewards;
};

Loss ranking_loss(const std::vector<float>& rewards, const std::vector<Comparison>& comparisons, float reg_coef,
                  int64_t total, int64_t total_rewards) {
  Loss loss;
  Cpu cpu(2);
  Matrix in = contiguous(1, static_cast<int64_t>(rewards.size()), rewards),
         d = contiguous(1, static_cast<int64_t>(rewards.size()), std::vector<float>(rewards.size(), 777));
  double sums[2] = {1, 2};  // added to
  cpu->ranking_loss({.sums = sums,
                     .d_rewards = d.view(),
                     .rewards = in.view(),
                     .comparisons = comparisons,
                     .total_comparisons = total,
                     .total_rewards = total_rewards,
                     .reg_coef = reg_coef});
  CHECK((in.guards_hold() && d.guards_hold()));
  loss.ranking = sums[0] - 1, loss.regularizer = sums[1] - 2;
  loss.d_rewards = d.values();
  return loss;
}

// With the comparisons' defaults.
Loss ranking_loss(const std::vector<float>& rewards, const std::vector<int32_t>& pairs, float reg_coef, int64_t total,
                  int64_t total_rewards) {
  return ranking_loss(rewards, comparisons_of(pairs), reg_coef, total, total_rewards);
}
Loss ranking_loss(const std::vector<float>& rewards, std::initializer_list<int32_t> pairs, float reg_coef,
                  int64_t total, int64_t total_rewards) {
  return ranking_loss(rewards, std::vector<int32_t>(pairs), reg_coef, total, total_rewards);
}

double log_sigmoid(double d) { return -std::log(1 + std::exp(-d)); }

// The formula as the papers write it; good for moderate differences alone.
double by_formula(const std::vector<double>& rewards, const std::vector<Comparison>& comparisons, double reg_coef,
                  int64_t total, int64_t total_rewards) {
  double ranking = 0, squares = 0;
  for (const Comparison& c : comparisons) {
    const double d = rewards[static_cast<size_t>(c.a)] - rewards[static_cast<size_t>(c.b)], t = c.target, w = c.weight,
                 m = c.margin;
    ranking -= w * (t * log_sigmoid(d - m) + (1 - t) * log_sigmoid(-(d - m)));
  }
  for (const double r : rewards) squares += r * r;
  return ranking / static_cast<double>(total) + reg_coef * squares / static_cast<double>(total_rewards);
}

// Soft labels, ties, weights, margins of both signs; a comparison that says that b is better.
const std::vector<Comparison> kRich = {{.a = 0, .b = 1, .target = 0.75f},
                                       {.a = 2, .b = 0, .target = 0.5f},
                                       {.a = 3, .b = 1, .target = 0},
                                       {.a = 1, .b = 4, .weight = 2.5f},
                                       {.a = 4, .b = 3, .margin = 1.5f},
                                       {.a = 0, .b = 3, .margin = -0.75f},
                                       {.a = 2, .b = 4, .target = 0.9f, .weight = 0.3f, .margin = 0.5f},
                                       {.a = 0, .b = 1, .weight = 0}};

TEST_CASE("ranking_loss: value and gradient are the formula's and its finite differences'") {
  const std::vector<int32_t> pairs = {0, 1, 0, 2, 3, 1, 0, 1, 4, 3};  // a sample in many pairs, a pair twice
  for (const auto& comparisons : {comparisons_of(pairs), kRich}) {
    for (const float reg_coef : {0.0f, 0.1f, 2.0f}) {
      const auto rewards = random_floats(6, 1, 2);  // sample 5 is in no pair
      const Loss loss = ranking_loss(rewards, comparisons, reg_coef, 9, 11);
      const auto f = [&](const std::vector<double>& at) { return by_formula(at, comparisons, reg_coef, 9, 11); };
      CHECK(loss.ranking + static_cast<double>(reg_coef) * loss.regularizer ==
            doctest::Approx(f(as<double>(rewards))).epsilon(1e-12));
      const auto numeric = numeric_gradient(as<double>(rewards), f);
      for (size_t i = 0; i < rewards.size(); ++i)
        CHECK(std::abs(loss.d_rewards[i] - numeric[i]) <= 1e-8 + 2e-7 * std::abs(numeric[i]));
    }
  }
}

TEST_CASE("ranking_loss: comparisons with the defaults are pairs, to the bit") {
  const auto rewards = random_floats(40, 5, 3);
  std::vector<int32_t> pairs;
  RandomStream random(6, 0);
  for (int pair = 0; pair < 200; ++pair) {
    const auto chosen = static_cast<int32_t>(random.next() % 40);
    pairs.insert(pairs.end(),
                 {chosen, static_cast<int32_t>((static_cast<uint64_t>(chosen) + 1 + random.next() % 39) % 40)});
  }
  // What this operation computed when it knew pairs alone.
  double ranking = 1;
  std::vector<float> d(40, 0.0f);
  for (size_t p = 0; p < pairs.size(); p += 2) {
    const auto chosen = static_cast<size_t>(pairs[p]), rejected = static_cast<size_t>(pairs[p + 1]);
    const double difference = static_cast<double>(rewards[chosen]) - rewards[rejected];
    const double decay = std::exp(-std::abs(difference));
    ranking += (std::fmax(-difference, 0.0) + std::log1p(decay)) / 200;
    const double wrong = difference >= 0 ? decay / (1 + decay) : 1 / (1 + decay);
    d[chosen] -= static_cast<float>(wrong / 200);
    d[rejected] += static_cast<float>(wrong / 200);
  }
  const Loss loss = ranking_loss(rewards, pairs, 0, 200, 40);
  CHECK(loss.ranking == ranking - 1);
  CHECK(same_bits(loss.d_rewards, d));
}

TEST_CASE("ranking_loss: a comparison turned round with its target and margin is the same comparison") {
  const auto rewards = random_floats(2, 7, 2);
  const Loss one = ranking_loss(
      rewards, std::vector<Comparison>{{.a = 0, .b = 1, .target = 0.75f, .weight = 3, .margin = 0.5f}}, 0, 1, 2);
  const Loss other = ranking_loss(
      rewards, std::vector<Comparison>{{.a = 1, .b = 0, .target = 0.25f, .weight = 3, .margin = -0.5f}}, 0, 1, 2);
  CHECK(one.ranking == doctest::Approx(other.ranking).epsilon(1e-14));
  for (size_t i = 0; i < 2; ++i) CHECK(one.d_rewards[i] == doctest::Approx(other.d_rewards[i]).epsilon(1e-6));
}

TEST_CASE("ranking_loss: a reg_coef of zero or less is off, but the regularizer is reported all the same") {
  for (const float reg_coef : {0.0f, -1.0f}) {
    const Loss loss = ranking_loss({1, 2, -2}, {0, 1}, reg_coef, 1, 3);
    CHECK(loss.regularizer == doctest::Approx(3));
    CHECK(loss.d_rewards[2] == 0);
    CHECK(loss.d_rewards[0] == -loss.d_rewards[1]);
    CHECK(loss.d_rewards[0] == doctest::Approx(-1 / (1 + std::exp(-1.0))));
  }
}

TEST_CASE("ranking_loss: differences of any size neither overflow nor lose their gradient") {
  for (const float difference : {100.0f, 1e4f, 1e30f}) {
    CAPTURE(difference);
    const Loss right = ranking_loss({difference, 0}, {0, 1}, 0, 1, 2),
               wrong = ranking_loss({0, difference}, {0, 1}, 0, 1, 2);
    CHECK(right.ranking == doctest::Approx(std::exp(-static_cast<double>(difference))));
    CHECK(std::abs(right.d_rewards[0]) <= 1e-40);
    CHECK(wrong.ranking == doctest::Approx(difference));
    CHECK(wrong.d_rewards == std::vector<float>{-1, 1});
  }
  const Loss tie = ranking_loss({0.25f, 0.25f}, {0, 1}, 0, 1, 2);
  CHECK(tie.ranking == doctest::Approx(std::log(2.0)));
  CHECK(tie.d_rewards == std::vector<float>{-0.5f, 0.5f});
  CHECK(std::isnan(ranking_loss({NAN, 1}, {0, 1}, 0.1f, 1, 2).ranking));
}

TEST_CASE("ranking_loss: micro-batches add up to the global batch") {
  const auto rewards = random_floats(5, 3);
  const Loss whole = ranking_loss(rewards, {0, 1, 3, 2, 4, 3}, 0.1f, 3, 5);
  const Loss first = ranking_loss({rewards[0], rewards[1]}, {0, 1}, 0.1f, 3, 5),
             second = ranking_loss({rewards[2], rewards[3], rewards[4]}, {1, 0, 2, 1}, 0.1f, 3, 5);
  CHECK(first.ranking + second.ranking == doctest::Approx(whole.ranking).epsilon(1e-14));
  CHECK(first.regularizer + second.regularizer == doctest::Approx(whole.regularizer).epsilon(1e-14));
  auto joined = first.d_rewards;
  joined.insert(joined.end(), second.d_rewards.begin(), second.d_rewards.end());
  CHECK(same_bits(joined, whole.d_rewards));
}

}  // namespace
}  // namespace cheems
