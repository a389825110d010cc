// Choosing the next token from its logits.
//
// Temperature 0: the most likely token; of equal ones the lowest id. Otherwise one draw from softmax(logits /
// temperature) after two filters, in the order of transformers' warpers. Top-k keeps the tokens whose logit is at least
// the k-th largest (including equal ones). Of those, top-p keeps the smallest set of the most likely whose mass reaches
// p (of equal ones the lower ids; at least one token). Sources: Fan et al. 2018 (arXiv 1805.04833) for top-k, Holtzman
// et al. 2020 (arXiv 1904.09751) for top-p.
#pragma once

#include "core/description.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace cheems::generation {

struct SamplingOptions {
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // 0: off
  double top_p = 1;        // 1: off
  uint64_t seed = 0;
};

template <class Visitor>
void describe(Visitor& visit, SamplingOptions& options) {
  visit("temperature", options.temperature, "0: greedy.");
  visit("topK", options.top_k, "0: off.", {.least = 0});
  visit("topP", options.top_p, "1: off.");
  visit("seed", options.seed, "", {.least = 0});
}

// Throws Error naming the option for a temperature below 0, a negative top_k and a top_p outside (0, 1].
void check_sampling(const SamplingOptions& options);

struct Candidate {
  int32_t id;
  double probability;
};

// The tokens that the filters keep, ascending by id, with probabilities that sum to 1. Temperature above 0; logits must
// be finite.
std::vector<Candidate> candidates(std::span<const float> logits, const SamplingOptions& options);

// The id of the largest logit; of equal ones the lowest.
int32_t likeliest(std::span<const float> logits);

// The token of step `step` (0 for the first new token) of sequence number `sequence`. Its random number is a function
// of (seed, sequence, step) alone, so that it does not depend on what else is generated.
int32_t next_token(std::span<const float> logits, const SamplingOptions& options, int64_t sequence, int64_t step);

// log sum_j exp(logits_j), in float64.
double log_sum_exp(std::span<const float> logits);
// The `count` most likely tokens with log-softmax over all logits, best first; of equal ones the lower ids.
std::vector<std::pair<int32_t, float>> likeliest_tokens(std::span<const float> logits, int64_t count);

}  // namespace cheems::generation
