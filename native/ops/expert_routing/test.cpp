#include <numeric>

#include "ops/expert_routing/expert_routing.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

struct Routing {
  std::vector<float> weights;
  std::vector<int32_t> experts, rows, places, bounds;
};

Routing route(Cpu& cpu, const std::vector<float>& logits, int64_t num_experts, int64_t k) {
  const int64_t rows = static_cast<int64_t>(logits.size()) / num_experts, choices = rows * k;
  const auto integers = [](int64_t count) {
    return std::vector<int32_t>(static_cast<size_t>(count + 1), -7);
  };  // one guard cell
  Routing r{{}, integers(choices), integers(choices), integers(choices), integers(num_experts + 1)};
  Matrix in(rows, num_experts, logits), weights(rows, k);
  cpu->expert_routing({.weights = weights.view(),
                       .experts = r.experts.data(),
                       .rows = r.rows.data(),
                       .places = r.places.data(),
                       .bounds = r.bounds.data(),
                       .logits = in.view()});
  CHECK((in.guards_hold() && weights.guards_hold()));
  for (auto* list : {&r.experts, &r.rows, &r.places, &r.bounds}) {
    CHECK(list->back() == -7);
    list->pop_back();
  }
  r.weights = weights.values();
  return r;
}

// A softmax over all experts in float64, its k largest, divided by their sum.
std::vector<double> published_weights(const std::vector<float>& logits, int64_t num_experts,
                                      const std::vector<int32_t>& experts, int64_t k) {
  std::vector<double> weights;
  for (size_t n = 0; n < experts.size() / static_cast<size_t>(k); ++n) {
    const float* row = logits.data() + n * static_cast<size_t>(num_experts);
    double all = 0, chosen = 0;
    for (int64_t e = 0; e < num_experts; ++e) all += std::exp(static_cast<double>(row[e]));
    std::vector<double> mine;
    for (int64_t c = 0; c < k; ++c) {
      mine.push_back(std::exp(static_cast<double>(row[experts[n * static_cast<size_t>(k) + static_cast<size_t>(c)]])) /
                     all);
      chosen += mine.back();
    }
    for (const double p : mine) weights.push_back(p / chosen);
  }
  return weights;
}

void check_routing(int64_t rows, int64_t num_experts, int64_t k, bool ties) {
  CAPTURE(rows);
  CAPTURE(num_experts);
  CAPTURE(k);
  auto logits = random_floats(rows * num_experts, static_cast<uint64_t>(rows + num_experts), 2);
  if (ties)
    for (float& logit : logits) logit = std::round(logit);
  Routing first;
  for (const int threads : {1, 2, 3}) {
    Cpu cpu(threads);
    const Routing r = route(cpu, logits, num_experts, k);
    if (threads == 1) first = r;
    CHECK(same_bits(r.weights, first.weights));
    CHECK((r.experts == first.experts && r.rows == first.rows && r.places == first.places && r.bounds == first.bounds));
  }
  const auto choices = static_cast<size_t>(rows * k);
  for (int64_t n = 0; n < rows; ++n) {
    std::vector<int32_t> order(static_cast<size_t>(num_experts));
    std::iota(order.begin(), order.end(), 0);
    const float* row = logits.data() + n * num_experts;
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });
    for (int64_t c = 0; c < k; ++c)
      CHECK(first.experts[static_cast<size_t>(n * k + c)] == order[static_cast<size_t>(c)]);
  }
  const auto exact = published_weights(logits, num_experts, first.experts, k);
  CHECK(worst_error(first.weights, exact) <= 4 * 0x1p-24);
  // Rows of one expert stand together and ascend; each choice is found at its place.
  CHECK((first.bounds.front() == 0 && first.bounds.back() == rows * k));
  for (size_t e = 0; e < static_cast<size_t>(num_experts); ++e) {
    CHECK(first.bounds[e] <= first.bounds[e + 1]);
    for (int32_t i = first.bounds[e] + 1; i < first.bounds[e + 1]; ++i)
      CHECK(first.rows[static_cast<size_t>(i - 1)] < first.rows[static_cast<size_t>(i)]);
  }
  std::vector<int> used(choices);
  for (size_t i = 0; i < choices; ++i) {
    const auto place = first.places[i];
    const auto expert = static_cast<size_t>(first.experts[i]);
    REQUIRE((place >= first.bounds[expert] && place < first.bounds[expert + 1]));
    CHECK(first.rows[static_cast<size_t>(place)] == static_cast<int32_t>(i / static_cast<size_t>(k)));
    ++used[static_cast<size_t>(place)];
  }
  CHECK(std::count(used.begin(), used.end(), 1) == static_cast<int64_t>(choices));
}

TEST_CASE(
    "expert_routing: the k largest logits, the lower expert of equal ones, rows sorted by expert, for any thread "
    "count") {
  for (const bool ties : {false, true}) {
    check_routing(1, 1, 1, ties);
    check_routing(5, 4, 2, ties);
    check_routing(300, 8, 2, ties);
    check_routing(67, 8, 8, ties);
    check_routing(129, 60, 4, ties);
  }
}

TEST_CASE("expert_routing: a token is routed alike whoever stands beside it") {
  const auto logits = random_floats(150 * 8, 3);
  Cpu cpu(2);
  const Routing together = route(cpu, logits, 8, 2);
  for (size_t n = 0; n < 150; ++n) {
    const Routing alone = route(
        cpu,
        {logits.begin() + static_cast<std::ptrdiff_t>(8 * n), logits.begin() + static_cast<std::ptrdiff_t>(8 * n + 8)},
        8, 2);
    for (size_t c = 0; c < 2; ++c) {
      CHECK(alone.experts[c] == together.experts[2 * n + c]);
      CHECK(std::memcmp(&alone.weights[c], &together.weights[2 * n + c], sizeof(float)) == 0);
    }
  }
}

TEST_CASE("expert_routing: experts without a token, logits far apart, no tokens, a NaN that shows") {
  Cpu cpu(1);
  const Routing far = route(cpu, {-1000, 1000, 0, 999, 88, -5, 89, -5}, 4, 2);
  CHECK(far.experts == std::vector<int32_t>{1, 3, 2, 0});
  CHECK(far.bounds == std::vector<int32_t>{0, 1, 2, 3, 4});
  CHECK(far.weights[0] == doctest::Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-7));
  const Routing lonely = route(cpu, {3, 2, 1, 0, 3, 2, 1, 0}, 4, 2);
  CHECK(lonely.bounds == std::vector<int32_t>{0, 2, 4, 4, 4});
  CHECK(lonely.rows == std::vector<int32_t>{0, 1, 0, 1});
  CHECK(route(cpu, {}, 4, 2).bounds == std::vector<int32_t>{0, 0, 0, 0, 0});
  const Routing broken = route(cpu, {1, NAN, 2, NAN}, 4, 3);
  CHECK(broken.experts == std::vector<int32_t>{1, 3, 2});
  for (const float weight : broken.weights) CHECK(std::isnan(weight));
}

}  // namespace
}  // namespace cheems
