#include "generation/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "storage/json.h"
#include "testing/numbers.h"
#include "testing/small_model.h"

namespace cheems::generation {
namespace {

using namespace testing;

TEST_CASE("sampling: the kept tokens and their probabilities are those of transformers' warpers") {
  nlohmann::json cases;
  std::ifstream(std::string(CHEEMS_SOURCE_DIRECTORY) + "/fixtures/reference/generation/warpers.json") >> cases;
  REQUIRE(cases.size() == 32);
  for (const auto& entry : cases) {
    const SamplingOptions options{entry["temperature"], entry["top_k"], entry["top_p"]};
    CAPTURE(options.temperature);
    CAPTURE(options.top_k);
    CAPTURE(options.top_p);
    const auto kept = candidates(entry["logits"].get<std::vector<float>>(), options);
    std::vector<int32_t> ids;
    for (const Candidate& candidate : kept) ids.push_back(candidate.id);
    REQUIRE(ids == entry["ids"].get<std::vector<int32_t>>());
    for (size_t i = 0; i < kept.size(); ++i)
      CHECK(kept[i].probability == doctest::Approx(entry["probabilities"][i].get<double>()).epsilon(1e-12));
  }
}

TEST_CASE("sampling: greedy takes the lowest id of equals; so do the likeliest tokens") {
  const std::vector<float> logits{0.5f, 2, -1, 2, 1};
  CHECK(next_token(logits, {}, 0, 0) == 1);
  const auto best = likeliest_tokens(logits, 3);
  REQUIRE(best.size() == 3);
  CHECK(best[0].first == 1);
  CHECK(best[1].first == 3);
  CHECK(best[2].first == 4);
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  CHECK(best[2].second == doctest::Approx(1 - std::log(total)).epsilon(1e-6));
  CHECK(likeliest_tokens(logits, 9).size() == 5);
}

TEST_CASE("sampling: tokens come as often as their probabilities say, by seed, sequence and step alone") {
  const auto logits = random_floats(20, 3);
  const SamplingOptions options{.temperature = 0.9, .top_k = 12, .top_p = 0.9, .seed = 5};
  const auto kept = candidates(logits, options);
  constexpr int64_t kSequences = 100, kSteps = 400;
  std::map<int32_t, int64_t> counts;
  std::vector<int32_t> drawn;
  for (int64_t sequence = 0; sequence < kSequences; ++sequence) {
    for (int64_t step = 0; step < kSteps; ++step) {
      drawn.push_back(next_token(logits, options, sequence, step));
      ++counts[drawn.back()];
    }
  }
  // Chi square, whose 99.99 % quantile for 11 degrees of freedom is 39.
  double chi_square = 0;
  constexpr double kDraws = kSequences * kSteps;
  for (const auto& [id, probability] : kept)
    chi_square += std::pow(static_cast<double>(counts[id]) - kDraws * probability, 2) / (kDraws * probability);
  CHECK(counts.size() == kept.size());
  CHECK(chi_square < 39);
  CHECK(next_token(logits, options, 7, 3) == drawn[7 * kSteps + 3]);
  // Neighbors in sequence, step and seed draw for themselves: two independent draws agree as often as sum p^2.
  double same = 0, expected = 0;
  for (const auto& [id, probability] : kept) expected += probability * probability;
  for (size_t i = 0; i + static_cast<size_t>(kSteps) < drawn.size(); ++i)
    same += drawn[i] == drawn[i + static_cast<size_t>(kSteps)];
  CHECK(same / (kDraws - kSteps) == doctest::Approx(expected).epsilon(0.05));
  same = 0;
  for (size_t i = 0; i + 1 < drawn.size(); ++i) same += drawn[i] == drawn[i + 1];
  CHECK(same / kDraws == doctest::Approx(expected).epsilon(0.05));
  SamplingOptions other = options;
  other.seed = 6;
  same = 0;
  for (int64_t i = 0; i < 4000; ++i) same += next_token(logits, other, 0, i) == next_token(logits, options, 0, i);
  CHECK(same / 4000 == doctest::Approx(expected).epsilon(0.15));
}

TEST_CASE("sampling: options outside their ranges are refused by name") {
  check_refused(refusal([] { check_sampling({.temperature = -1}); }), {"temperature"});
  check_refused(refusal([] { check_sampling({.temperature = NAN}); }), {"temperature"});
  check_refused(refusal([] { check_sampling({.top_k = -1}); }), {"top_k"});
  check_refused(refusal([] { check_sampling({.top_p = 0}); }), {"top_p"});
  check_refused(refusal([] { check_sampling({.top_p = 1.5}); }), {"top_p"});
  check_sampling({.temperature = 0.7, .top_k = 50, .top_p = 0.9});
}

}  // namespace
}  // namespace cheems::generation
