// Batches of samples with shared prefixes of every depth, and the paths of a packed tree.
#pragma once

#include <algorithm>
#include <numeric>

#include "batch/packed_tree.h"
#include "testing/reference.h"

namespace cheems::testing {

// `count` ids that no other call with another `first` gives.
inline std::vector<int32_t> ids(int32_t first, int64_t count) {
  std::vector<int32_t> run(static_cast<size_t>(count));
  std::iota(run.begin(), run.end(), first);
  return run;
}
inline std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::vector<int32_t> all_samples(const OwnedSamples& samples) { return ids(0, static_cast<int64_t>(samples.groups.size())); }

// The token rows of a path that ends in `row`, in the order of positions.
inline std::vector<int32_t> path_to(const PackedTree& tree, int32_t row) {
  int32_t segment = 0;
  while (tree.segments[static_cast<size_t>(segment)].begin + tree.segments[static_cast<size_t>(segment)].length <= row) ++segment;
  std::vector<int32_t> path;
  for (int32_t last = row; segment >= 0;) {
    const Segment& s = tree.segments[static_cast<size_t>(segment)];
    for (; last >= s.begin; --last) path.push_back(last);
    segment = s.parent;
    if (segment >= 0) last = tree.segments[static_cast<size_t>(segment)].begin + tree.segments[static_cast<size_t>(segment)].length - 1;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// For each sample (as the caller numbers them) the rows of its tokens.
inline std::vector<std::vector<int32_t>> sample_rows(const PackedTree& tree) {
  std::vector<std::vector<int32_t>> rows(tree.samples.size());
  for (size_t r = 0; r < tree.samples.size(); ++r) {
    rows[static_cast<size_t>(tree.samples[r])] = path_to(tree, tree.reward_rows[static_cast<size_t>(tree.reward_index[r])]);
  }
  return rows;
}

// Four levels of sharing, a sample that is its prompt alone, equal samples, single tokens, a long sample by itself.
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

}  // namespace cheems::testing
