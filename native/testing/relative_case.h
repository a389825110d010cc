// Samples and numbers for the tests of attention with relative positions, on the CPU and on devices.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/numbers.h"
#include "testing/relative_buckets.h"

namespace cheems::testing {

struct RelativeCase {
  std::vector<int64_t> lengths;        // of the samples
  int64_t num_heads, head_size, side;  // `side` buckets on each side of 0
  bool first_tokens_only = false;
  double score_scale = 1;

  int64_t rows() const {
    int64_t sum = 0;
    for (const int64_t length : lengths) sum += length;
    return sum;
  }
  int64_t queries() const { return first_tokens_only ? static_cast<int64_t>(lengths.size()) : rows(); }
  int64_t columns() const { return num_heads * head_size; }
  int64_t reach() const { return *std::max_element(lengths.begin(), lengths.end()) + 3; }  // longer than needed
  float scale() const { return static_cast<float>(score_scale / std::sqrt(3.0 * static_cast<double>(head_size))); }

  PackedTree tree() const { return tree_of_samples(lengths); }
  std::vector<int32_t> buckets() const { return relative_buckets(side, reach()); }
  std::vector<float> numbers(int64_t count, uint64_t seed) const { return random_floats(count * columns(), seed); }
};

}  // namespace cheems::testing
