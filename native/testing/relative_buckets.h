// Samples stored back to back, and the buckets of their relative positions, for tests and benchmarks of attention with
// relative positions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "batch/packed_tree.h"

namespace cheems::testing {

// A tree in which each sample is a root.
inline PackedTree tree_of_samples(const std::vector<int64_t>& lengths) {
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

// The bucket of a relative position: one bucket per nearby position, wider ones farther away. The contract requires no
// more.
inline int64_t relative_bucket(int64_t side, int64_t relative) {
  const int64_t near = side / 2, r = std::abs(relative);
  const int64_t bucket = r <= near ? r : near + static_cast<int64_t>(2 * std::log(static_cast<double>(r - near + 1)));
  return relative > 0 ? bucket : -bucket;
}

// The table of 2 * side buckets for distances below `reach`: distances beyond `side` are in the last one.
inline std::vector<int32_t> relative_buckets(int64_t side, int64_t reach) {
  std::vector<int32_t> table;
  for (int64_t distance = 1 - reach; distance < reach; ++distance)
    table.push_back(
        static_cast<int32_t>(std::clamp<int64_t>(side + relative_bucket(side, -distance), 0, 2 * side - 1)));
  return table;
}

}  // namespace cheems::testing
