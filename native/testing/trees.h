// Batches of samples with shared prefixes of every depth, and the paths of a packed tree.
#pragma once

#include <algorithm>
#include <numeric>

#include "batch/packed_tree.h"
#include "testing/reference.h"

namespace cheems::testing {

// `count` ids that no call with another `first` returns.
inline std::vector<int32_t> ids(int32_t first, int64_t count) {
  std::vector<int32_t> run(static_cast<size_t>(count));
  std::iota(run.begin(), run.end(), first);
  return run;
}
inline std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::vector<int32_t> all_samples(const OwnedSamples& samples) {
  return ids(0, static_cast<int64_t>(samples.groups.size()));
}

// The token rows of the path that ends in `row`, in the order of positions.
inline std::vector<int32_t> path_to(const PackedTree& tree, int32_t row) {
  int32_t segment = 0;
  while (tree.segments[static_cast<size_t>(segment)].begin + tree.segments[static_cast<size_t>(segment)].length <= row)
    ++segment;
  std::vector<int32_t> path;
  for (int32_t last = row; segment >= 0;) {
    const Segment& s = tree.segments[static_cast<size_t>(segment)];
    for (; last >= s.begin; --last) path.push_back(last);
    segment = s.parent;
    if (segment >= 0)
      last = tree.segments[static_cast<size_t>(segment)].begin + tree.segments[static_cast<size_t>(segment)].length - 1;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// For each sample (as the caller numbers them) the rows of its tokens.
inline std::vector<std::vector<int32_t>> sample_rows(const PackedTree& tree) {
  std::vector<std::vector<int32_t>> rows(tree.samples.size());
  for (size_t r = 0; r < tree.samples.size(); ++r) {
    rows[static_cast<size_t>(tree.samples[r])] =
        path_to(tree, tree.reward_rows[static_cast<size_t>(tree.reward_index[r])]);
  }
  return rows;
}

// Samples with four levels of sharing, one that is only its prompt, equal ones, single tokens, and a long one by
// itself.
inline OwnedSamples deep_samples() {
  OwnedSamples samples;
  const auto prompt = ids(0, 37), second = joined(prompt, ids(100, 20)), third = joined(second, ids(200, 18));
  for (const auto& tail : {ids(300, 5), ids(400, 70), ids(400, 70)}) samples.add(joined(third, tail), 0);
  for (const auto& tail : {ids(500, 7), ids(550, 1)}) samples.add(joined(second, tail), 0);
  samples.add(prompt, 0);
  samples.add(joined(prompt, ids(600, 60)), 0);
  samples.add({7}, 1);
  samples.add(ids(700, 131), 2);
  for (const auto& tail : {ids(900, 17), ids(930, 31), ids(970, 2)}) samples.add(joined(ids(890, 3), tail), 3);
  return samples;
}

// A tree whose segments' rows are scattered over a key/value cache: segments in a different order, with gaps between
// them. `new_rows` of the packed tree, ascending, are the tokens of the step; all others are rows of earlier steps.
struct CachedTree {
  PackedTree tree;
  std::vector<int32_t> row_of;       // [rows of the packed tree] each row's place in the cache
  std::vector<int32_t> query_order;  // the new rows as the step has them: ascending in the cache
  int64_t rows = 0;                  // of the cache
};
inline CachedTree in_cache(const PackedTree& packed, const std::vector<int32_t>& new_rows) {
  CachedTree cached;
  cached.row_of.resize(static_cast<size_t>(packed.rows()));
  cached.tree.segments = packed.segments;
  cached.tree.longest_path = packed.longest_path;
  const size_t count = packed.segments.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t s = i % 2 == 0 ? count - 1 - i / 2 : i / 2;  // from both ends
    Segment& segment = cached.tree.segments[s];
    cached.rows += 1 + static_cast<int64_t>(s % 5);
    for (int32_t j = 0; j < segment.length; ++j)
      cached.row_of[static_cast<size_t>(segment.begin + j)] = static_cast<int32_t>(cached.rows) + j;
    segment.begin = static_cast<int32_t>(cached.rows);
    cached.rows += segment.length;
  }
  cached.rows += 3;
  cached.query_order = new_rows;
  std::sort(cached.query_order.begin(), cached.query_order.end(), [&](int32_t a, int32_t b) {
    return cached.row_of[static_cast<size_t>(a)] < cached.row_of[static_cast<size_t>(b)];
  });
  for (const int32_t row : cached.query_order) {
    cached.tree.tokens.push_back(packed.tokens[static_cast<size_t>(row)]);
    cached.tree.positions.push_back(packed.positions[static_cast<size_t>(row)]);
    cached.tree.cache_rows.push_back(cached.row_of[static_cast<size_t>(row)]);
  }
  cached.tree.tree_begins = {0, static_cast<int32_t>(count)};
  return cached;
}
// The rows of the packed tree at their positions in the cache; all other rows hold `fill`.
inline std::vector<float> cache_of(const CachedTree& cached, const std::vector<float>& matrix, int64_t columns,
                                   float fill) {
  std::vector<float> cache(static_cast<size_t>(cached.rows * columns), fill);
  for (size_t row = 0; row < cached.row_of.size(); ++row) {
    std::copy_n(matrix.begin() + static_cast<std::ptrdiff_t>(row) * columns, columns,
                cache.begin() + static_cast<std::ptrdiff_t>(cached.row_of[row]) * columns);
  }
  return cache;
}

}  // namespace cheems::testing
