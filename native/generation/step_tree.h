// The packed tree of one step of generation: new tokens of prompts and sequences, and the cached rows that they attend
// to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "batch/packed_tree.h"

namespace cheems::generation {

// The prompts of one group, packed, in consecutive rows of the cache.
struct CachedPrompts {
  PackedTree tree;
  int64_t begin = 0;     // the cache row of the tree's row 0
  int64_t computed = 0;  // rows [0, computed) are in the cache
  int64_t users = 0;     // sequences that have not ended
};

// A sequence's new token: `length` tokens of the sequence are in the cache from row `begin` on, after segment
// `last_segment` of its prompt; this one follows them.
struct SequenceToken {
  int32_t sequence;
  int32_t token;
  int32_t last_segment;
  int64_t begin, length;
};

// Everything that was added, as one tree. Add the rows of prompts before the tokens of sequences.
class StepTree {
 public:
  // Rows [computed, to) of the prompts are new.
  void add_prompts(const CachedPrompts& prompts, int64_t to) {
    segments_of(prompts, to);
    for (int64_t row = prompts.computed; row < to; ++row) {
      const auto r = static_cast<size_t>(row);
      new_.push_back({static_cast<int32_t>(prompts.begin + row), prompts.tree.tokens[r], prompts.tree.positions[r]});
    }
    for (size_t r = 0; r < prompts.tree.samples.size(); ++r) {
      const int64_t row = prompts.tree.reward_rows[static_cast<size_t>(prompts.tree.reward_index[r])];
      if (row >= prompts.computed && row < to)
        readers_.push_back({static_cast<int32_t>(prompts.begin + row), prompts.tree.samples[r]});
    }
  }

  void add_token(const CachedPrompts& prompts, const SequenceToken& t) {
    const int32_t parent = segments_of(prompts, prompts.computed) + t.last_segment;
    const Segment& last = tree_.segments[static_cast<size_t>(parent)];
    const int32_t position = last.position + last.length, row = static_cast<int32_t>(t.begin + t.length);
    add_segment({static_cast<int32_t>(t.begin), static_cast<int32_t>(t.length) + 1, parent, position, 0});
    new_.push_back({row, t.token, position + static_cast<int32_t>(t.length)});
    readers_.push_back({row, t.sequence});
  }

  bool empty() const { return new_.empty(); }

  // Which sequences read a row of the logits: `sequences` (prompt numbers) of entry `u` of reward_rows are
  // readers[begins[u] … begins[u + 1]).
  struct Readers {
    std::vector<int32_t> sequences, begins;
  };
  PackedTree finish(Readers& readers) {
    const auto by_row = [](const auto& a, const auto& b) { return a.row < b.row; };
    std::sort(new_.begin(), new_.end(), by_row);
    std::stable_sort(readers_.begin(), readers_.end(), by_row);
    for (const NewToken& t : new_) {
      tree_.tokens.push_back(t.token);
      tree_.positions.push_back(t.position);
      tree_.cache_rows.push_back(t.row);
    }
    for (const Reader& reader : readers_) {
      if (tree_.reward_cache_rows.empty() || tree_.reward_cache_rows.back() != reader.row) {
        readers.begins.push_back(static_cast<int32_t>(readers.sequences.size()));
        read_row(reader.row);
      }
      readers.sequences.push_back(reader.sequence);
    }
    readers.begins.push_back(static_cast<int32_t>(readers.sequences.size()));
    // In the middle of a long prompt nobody reads logits: the last row is used, since operations need at least one.
    if (readers_.empty()) read_row(tree_.cache_rows.back());
    tree_.tree_begins = {0, static_cast<int32_t>(tree_.segments.size())};
    return std::move(tree_);
  }

 private:
  struct NewToken {
    int32_t row, token, position;
  };
  struct Reader {
    int32_t row, sequence;
  };

  void read_row(int32_t cache_row) {
    const auto at =
        std::lower_bound(tree_.cache_rows.begin(), tree_.cache_rows.end(), cache_row) - tree_.cache_rows.begin();
    tree_.reward_cache_rows.push_back(cache_row);
    tree_.reward_rows.push_back(static_cast<int32_t>(at));
    tree_.reward_positions.push_back(tree_.positions[static_cast<size_t>(at)]);
  }

  void add_segment(const Segment& segment) {
    tree_.segments.push_back(segment);
    tree_.longest_path = std::max<int64_t>(tree_.longest_path, segment.position + segment.length);
  }

  // Where the prompts' segments begin among the step's. They end at row `to`: later rows have no keys yet.
  int32_t segments_of(const CachedPrompts& prompts, int64_t to) {
    const auto [entry, added] = first_segment_.try_emplace(&prompts, static_cast<int32_t>(tree_.segments.size()));
    if (!added) return entry->second;
    for (Segment segment : prompts.tree.segments) {
      if (segment.begin >= to) break;
      segment.length = std::min(segment.length, static_cast<int32_t>(to) - segment.begin);
      segment.begin += static_cast<int32_t>(prompts.begin);
      if (segment.parent >= 0) segment.parent += entry->second;
      add_segment(segment);
    }
    return entry->second;
  }

  PackedTree tree_;
  std::vector<NewToken> new_;
  std::vector<Reader> readers_;
  std::map<const CachedPrompts*, int32_t> first_segment_;
};

}  // namespace cheems::generation
