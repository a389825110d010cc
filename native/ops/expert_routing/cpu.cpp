#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "ops/expert_routing/expert_routing.h"

namespace cheems::cpu {
namespace {

constexpr int64_t kRowsPerTask = 64;

float rank_of(float logit) { return std::isnan(logit) ? INFINITY : logit; }

// The k first of one token's experts in the order (logit descending, number ascending).
void choose(const float* logits, int64_t num_experts, int32_t* chosen, int64_t k) {
  for (int64_t c = 0; c < k; ++c) {
    const auto taken = [&](int64_t e) { return std::find(chosen, chosen + c, static_cast<int32_t>(e)) != chosen + c; };
    int64_t best = -1;
    for (int64_t e = 0; e < num_experts; ++e) {
      if (!taken(e) && (best < 0 || rank_of(logits[e]) > rank_of(logits[best]))) best = e;
    }
    chosen[c] = static_cast<int32_t>(best);
  }
}

// The largest comes first, so no exponential is above 1.
void weigh(const float* logits, const int32_t* chosen, float* weights, int64_t k) {
  const auto exponential = [&](int64_t c) {
    return std::exp(static_cast<double>(logits[chosen[c]]) - logits[chosen[0]]);
  };
  double sum = 0;
  for (int64_t c = 0; c < k; ++c) sum += exponential(c);
  for (int64_t c = 0; c < k; ++c) weights[c] = static_cast<float>(exponential(c) / sum);
}

}  // namespace

void expert_routing(const ExpertRouting& a, Context& context) {
  const int64_t rows = a.weights.rows, k = a.weights.columns, num_experts = a.logits.columns;
  context.pool.parallel_for((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) {
      const float* logits = floats(a.logits) + row * a.logits.stride;
      choose(logits, num_experts, a.experts + row * k, k);
      weigh(logits, a.experts + row * k, floats(a.weights) + row * a.weights.stride, k);
    }
  });
  // Counted and laid out by one thread: two numbers per token against the products' millions. bounds[e + 1] first
  // counts the rows of expert e, then says where its next row goes; in the end that is where the rows of e + 1 begin.
  std::fill(a.bounds, a.bounds + num_experts + 1, 0);
  for (int64_t i = 0; i < rows * k; ++i) ++a.bounds[a.experts[i] + 1];
  int32_t begin = 0;
  for (int64_t e = 1; e <= num_experts; ++e) {
    const int32_t count = a.bounds[e];
    a.bounds[e] = begin;
    begin += count;
  }
  for (int64_t i = 0; i < rows * k; ++i) {
    const int32_t place = a.bounds[a.experts[i] + 1]++;
    a.rows[place] = static_cast<int32_t>(i / k);
    a.places[i] = place;
  }
}

}  // namespace cheems::cpu
