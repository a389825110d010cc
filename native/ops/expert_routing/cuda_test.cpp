#include "ops/expert_routing/expert_routing.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

OutputList routed(Site& site, const std::vector<float>& logits, int64_t rows, int64_t num_experts, int64_t k) {
  const std::vector<int32_t> unset(static_cast<size_t>(rows * k), -7);
  const ExpertRouting a{.weights = site.floats(rows, k),
                        .experts = site.integers(unset),
                        .rows = site.integers(unset),
                        .places = site.integers(unset),
                        .bounds = site.integers(std::vector<int32_t>(static_cast<size_t>(num_experts + 1), -7)),
                        .logits = site.floats(rows, num_experts, logits)};
  site->expert_routing(a);
  // Integers up to some thousands: any difference is beyond the rule's floor.
  return {{"weights", site.values(a.weights), kOutputs},
          {"experts", site.values(a.experts, rows * k), kOutputs},
          {"rows", site.values(a.rows, rows * k), kOutputs},
          {"places", site.values(a.places, rows * k), kOutputs},
          {"bounds", site.values(a.bounds, num_experts + 1), kOutputs}};
}

void check_routing(int64_t rows, int64_t num_experts, int64_t k, bool ties) {
  CAPTURE(rows);
  CAPTURE(num_experts);
  CAPTURE(k);
  auto logits = random_floats(rows * num_experts, static_cast<uint64_t>(rows + num_experts), 2);
  if (ties)
    for (float& logit : logits) logit = std::round(logit);
  check_operation({.rows = rows}, [&](Site& site) { return routed(site, logits, rows, num_experts, k); },
                  {.bfloat16 = false});
}

TEST_CASE("cuda expert_routing: choices, ties, order, places and bounds are plain code's; more tokens than a block") {
  for (const bool ties : {false, true}) {
    check_routing(1, 1, 1, ties);
    check_routing(5, 4, 2, ties);
    check_routing(300, 8, 2, ties);  // more than two rounds of the sorting block
    check_routing(67, 8, 8, ties);
    check_routing(129, 60, 4, ties);
  }
  check_routing(0, 4, 2, false);
}

TEST_CASE("cuda expert_routing: a NaN is chosen first and shows in its own token's weights alone") {
  Site site(device_backend(), {}, {}, {});
  const OutputList out = routed(site, {1, NAN, 2, NAN, 3, 2, 1, 0}, 2, 4, 2);
  CHECK(out[1].values.numbers == std::vector<double>{1, 3, 0, 1});
  const auto& weights = out[0].values.numbers;
  CHECK((std::isnan(weights[0]) && std::isnan(weights[1])));
  CHECK(weights[2] == doctest::Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-6));
}

}  // namespace
}  // namespace cheems
