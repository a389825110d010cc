// ops/expert_routing/expert_routing.h in plain loops, as published: a softmax over all experts; the k largest, divided
// by their sum. (Chosen by the logits: two logits may round to the same probability.)
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/expert_routing/expert_routing.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void expert_routing(const ExpertRouting& a) {
  const int64_t rows = a.weights.rows, k = a.weights.columns, num_experts = a.logits.columns;
  for (int64_t n = 0; n < rows; ++n) {
    const std::vector<A> logits = get_row<A>(a.logits, n);
    std::vector<int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto key = [&](int32_t e) {
      return std::isnan(logits[static_cast<size_t>(e)]) ? static_cast<A>(INFINITY) : logits[static_cast<size_t>(e)];
    };
    std::stable_sort(order.begin(), order.end(), [&](int32_t left, int32_t right) { return key(left) > key(right); });
    const A most = logits[static_cast<size_t>(order[0])];
    A all = 0, chosen = 0;
    for (const A logit : logits) all += std::exp(logit - most);
    const auto probability = [&](int64_t c) {
      return std::exp(logits[static_cast<size_t>(order[static_cast<size_t>(c)])] - most) / all;
    };
    for (int64_t c = 0; c < k; ++c) chosen += probability(c);
    for (int64_t c = 0; c < k; ++c) {
      put<A>(a.weights, n, c, probability(c) / chosen);
      a.experts[n * k + c] = order[static_cast<size_t>(c)];
    }
  }
  int32_t place = 0;
  for (int64_t e = 0; e < num_experts; ++e) {
    a.bounds[e] = place;
    for (int64_t i = 0; i < rows * k; ++i) {
      if (a.experts[i] != e) continue;
      a.rows[place] = static_cast<int32_t>(i / k);
      a.places[i] = place++;
    }
  }
  a.bounds[num_experts] = place;
}

CHEEMS_PLAIN(expert_routing, ExpertRouting)

}  // namespace cheems::testing::plain
