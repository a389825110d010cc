// How samples of one prompt share their prefixes: the one rule for packing a tree and for counting its rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "batch/samples.h"

namespace cheems {

// Splitting a segment costs its descendants a little attention work; it pays off from about this many saved tokens.
constexpr int64_t kLeastSharedTokens = 16;

inline std::span<const int32_t> tokens_of(const Samples& samples, int32_t sample) {
  const auto s = static_cast<size_t>(sample);
  const auto begin = static_cast<size_t>(samples.offsets[s]), end = static_cast<size_t>(samples.offsets[s + 1]);
  return samples.tokens.subspan(begin, end - begin);
}

// Splits `chosen` (in the order of groups) into runs of one group each.
inline std::vector<std::span<const int32_t>> by_group(const Samples& samples, std::span<const int32_t> chosen) {
  std::vector<std::span<const int32_t>> groups;
  const auto group_of = [&](size_t i) { return samples.groups[static_cast<size_t>(chosen[i])]; };
  for (size_t begin = 0, end; begin < chosen.size(); begin = end) {
    for (end = begin + 1; end < chosen.size() && group_of(end) == group_of(begin);) ++end;
    groups.push_back(chosen.subspan(begin, end - begin));
  }
  return groups;
}

// Describes the trees of the samples to a Sink, parents first:
//   void start_tree();
//   int32_t add_segment(std::span<const int32_t> ids, int64_t position, int32_t parent);  // returns its number
//   void add_reward(int32_t sample, int32_t segment);  // the sample ends with that segment
template <class Sink>
class Branching {
 public:
  Branching(const Samples& samples, bool share, Sink& sink) : samples_(samples), share_(share), sink_(sink) {}

  // One tree for `members`, samples of one group; one tree each if nothing is shared.
  void add_tree(std::span<const int32_t> members) {
    if (share_ && members.size() > 1 && common_prefix(members, 0) > 0) {
      sink_.start_tree();
      return add_branch(members, 0, -1);
    }
    for (const int32_t& sample : members) {
      sink_.start_tree();
      add_branch({&sample, 1}, 0, -1);
    }
  }

 private:
  // The longest prefix, counted from token `from`, that all members share.
  int64_t common_prefix(std::span<const int32_t> members, int64_t from) const {
    const auto first = tokens_of(samples_, members[0]).subspan(static_cast<size_t>(from));
    auto common = static_cast<int64_t>(first.size());
    for (const int32_t sample : members.subspan(1)) {
      const auto ids = tokens_of(samples_, sample).subspan(static_cast<size_t>(from));
      const int64_t most = std::min(common, static_cast<int64_t>(ids.size()));
      common = std::mismatch(first.begin(), first.begin() + most, ids.begin()).first - first.begin();
    }
    return common;
  }

  // The members share everything before token `from`; it is in `parent` and its ancestors.
  void add_branch(std::span<const int32_t> members, int64_t from, int32_t parent) {
    const int64_t common = common_prefix(members, from);
    const auto ids = tokens_of(samples_, members[0]).subspan(static_cast<size_t>(from), static_cast<size_t>(common));
    const int32_t segment = common > 0 ? sink_.add_segment(ids, from, parent) : parent;
    const int64_t next = from + common;
    if (members.size() == 1) return sink_.add_reward(members[0], segment);
    std::vector<int32_t> longer;
    for (const int32_t sample : members) {
      if (static_cast<int64_t>(tokens_of(samples_, sample).size()) == next) sink_.add_reward(sample, segment);
      else longer.push_back(sample);
    }
    // Members whose next token is the same stay together if that saves enough.
    const auto token_at = [&](int32_t sample) { return tokens_of(samples_, sample)[static_cast<size_t>(next)]; };
    std::stable_sort(longer.begin(), longer.end(), [&](int32_t a, int32_t b) { return token_at(a) < token_at(b); });
    for (size_t begin = 0, end; begin < longer.size(); begin = end) {
      for (end = begin + 1; end < longer.size() && token_at(longer[end]) == token_at(longer[begin]);) ++end;
      const auto branch = std::span<const int32_t>(longer).subspan(begin, end - begin);
      const int64_t saved =
          branch.size() > 1 ? common_prefix(branch, next) * static_cast<int64_t>(branch.size() - 1) : 0;
      if (branch.size() == 1 || saved >= kLeastSharedTokens) add_branch(branch, next, segment);
      else
        for (const int32_t& sample : branch) add_branch({&sample, 1}, next, segment);
    }
  }

  const Samples& samples_;
  const bool share_;
  Sink& sink_;
};

}  // namespace cheems
