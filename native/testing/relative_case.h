// Samples and numbers for the tests of attention with relative positions, on the CPU and on devices.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/numbers.h"

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
  int64_t reach() const { return *std::max_element(lengths.begin(), lengths.end()) + 3; }  // longer than need be
  float scale() const { return static_cast<float>(score_scale / std::sqrt(3.0 * static_cast<double>(head_size))); }

  PackedTree tree() const {
    PackedTree tree;
    for (const int64_t length : lengths) {
      tree.tree_begins.push_back(static_cast<int32_t>(tree.segments.size()));
      tree.segments.push_back({static_cast<int32_t>(tree.rows()), static_cast<int32_t>(length), -1, 0,
                               static_cast<int32_t>(tree.segments.size())});
      for (int64_t i = 0; i < length; ++i) tree.tokens.push_back(0), tree.positions.push_back(static_cast<int32_t>(i));
      tree.longest_path = std::max(tree.longest_path, length);
    }
    tree.tree_begins.push_back(static_cast<int32_t>(tree.segments.size()));
    return tree;
  }
  // One bucket a position near by, wider ones farther off, past `side` in the end: the contract asks no more.
  int64_t bucket(int64_t relative) const {
    const int64_t near = side / 2, r = std::abs(relative);
    const int64_t bucket = r <= near ? r : near + static_cast<int64_t>(2 * std::log(static_cast<double>(r - near + 1)));
    return relative > 0 ? bucket : -bucket;
  }
  std::vector<int32_t> buckets() const {
    std::vector<int32_t> table;
    for (int64_t distance = 1 - reach(); distance < reach(); ++distance)
      table.push_back(static_cast<int32_t>(std::clamp<int64_t>(side + bucket(-distance), 0, 2 * side - 1)));
    return table;
  }
  std::vector<float> numbers(int64_t count, uint64_t seed) const { return random_floats(count * columns(), seed); }
};

}  // namespace cheems::testing
