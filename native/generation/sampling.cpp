#include "generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace cheems::generation {
namespace {

// The more likely first; of equal ones the lower id.
auto by_logit(std::span<const float> logits) {
  return [logits](int32_t a, int32_t b) {
    const float left = logits[static_cast<size_t>(a)], right = logits[static_cast<size_t>(b)];
    return left > right || (left == right && a < b);
  };
}

std::vector<int32_t> all_ids(std::span<const float> logits) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

// The ids whose logit is at least the k-th largest.
std::vector<int32_t> top_k_ids(std::span<const float> logits, int64_t k) {
  if (k == 0 || k >= static_cast<int64_t>(logits.size())) return all_ids(logits);
  std::vector<float> largest(logits.begin(), logits.end());
  std::nth_element(largest.begin(), largest.begin() + (k - 1), largest.end(), std::greater<>());
  const float least = largest[static_cast<size_t>(k - 1)];
  std::vector<int32_t> ids;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least) ids.push_back(static_cast<int32_t>(i));
  }
  return ids;
}

// Keeps the most likely candidates until their mass reaches p. Few of many are kept, so this uses a heap and no sort.
std::vector<Candidate> top_p_candidates(std::vector<Candidate> all, double p) {
  const auto less_likely = [](const Candidate& a, const Candidate& b) {
    return a.probability < b.probability || (a.probability == b.probability && a.id > b.id);
  };
  std::make_heap(all.begin(), all.end(), less_likely);
  std::vector<Candidate> kept;
  for (double mass = 0; !all.empty() && (kept.empty() || mass < p);) {
    std::pop_heap(all.begin(), all.end(), less_likely);
    mass += all.back().probability;
    kept.push_back(all.back());
    all.pop_back();
  }
  std::sort(kept.begin(), kept.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  return kept;
}

void normalize(std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.probability;
  for (Candidate& c : candidates) c.probability /= sum;
}

}  // namespace

void check_sampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature))
    fail("temperature is ", options.temperature, "; it must be 0 (greedy) or above.");
  if (options.top_k < 0) fail("top_k is ", options.top_k, "; it must be 0 (off) or above.");
  if (!(options.top_p > 0 && options.top_p <= 1))
    fail("top_p is ", options.top_p, "; it must be above 0 and at most 1 (off).");
}

int32_t likeliest(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::vector<Candidate> candidates(std::span<const float> logits, const SamplingOptions& options) {
  const std::vector<int32_t> ids = top_k_ids(logits, options.top_k);
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<Candidate> kept;
  kept.reserve(ids.size());
  for (const int32_t id : ids)
    kept.push_back({id, std::exp((logits[static_cast<size_t>(id)] - highest) / options.temperature)});
  normalize(kept);
  if (options.top_p < 1) {
    kept = top_p_candidates(std::move(kept), options.top_p);
    normalize(kept);
  }
  return kept;
}

int32_t next_token(std::span<const float> logits, const SamplingOptions& options, int64_t sequence, int64_t step) {
  if (options.temperature == 0) return likeliest(logits);
  // A separate seed for every sequence, a stream for every step.
  RandomStream sequence_stream(options.seed, static_cast<uint64_t>(sequence));
  RandomStream step_stream(sequence_stream.next(), static_cast<uint64_t>(step));
  const double drawn = step_stream.uniform();  // in (0, 1]
  const std::vector<Candidate> kept = candidates(logits, options);
  double mass = 0;
  for (const Candidate& candidate : kept) {
    mass += candidate.probability;
    if (mass >= drawn) return candidate.id;
  }
  return std::find_if(kept.rbegin(), kept.rend(), [](const Candidate& c) { return c.probability > 0; })
      ->id;  // rounding left a gap before 1
}

double log_sum_exp(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  return highest + std::log(sum);
}

std::vector<std::pair<int32_t, float>> likeliest_tokens(std::span<const float> logits, int64_t count) {
  std::vector<int32_t> ids = all_ids(logits);
  const auto end = ids.begin() + std::min<int64_t>(count, static_cast<int64_t>(ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), by_logit(logits));
  const double total = log_sum_exp(logits);
  std::vector<std::pair<int32_t, float>> best;
  for (auto id = ids.begin(); id != end; ++id)
    best.emplace_back(*id, static_cast<float>(logits[static_cast<size_t>(*id)] - total));
  return best;
}

}  // namespace cheems::generation
