// The packed prompt tree: the engine's only batch format. There is no padding, and a shared prefix is stored once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/samples.h"

namespace cheems {

// A run of tokens without a branch. Tokens of a segment attend to all tokens of its ancestors and, causally, to their
// own segment.
struct Segment {
  int32_t begin;     // first token row
  int32_t length;    // tokens, at least 1
  int32_t parent;    // an earlier segment, or -1
  int32_t position;  // of its first token within the sample: the summed lengths of its ancestors
  int32_t tree;      // number of the tree (root) it belongs to, from 0, in order
};

// N token rows and R rewards, one for each readout of each sample (a sample's readouts are consecutive). Host memory.
// Segments are in the order of their rows, parents first, trees one after another. With a key/value cache (generation),
// segments refer to the cache's rows, in any order with parents first and possibly with gaps; they may hold rows of
// earlier calls, and the tokens are only the new ones.
struct PackedTree {
  std::vector<int32_t> tokens;     // [N]
  std::vector<int32_t> positions;  // [N]
  std::vector<Segment> segments;
  std::vector<int32_t> tree_begins;       // [trees + 1] first segment of each tree
  std::vector<int32_t> samples;           // [R] the sample (the caller's number) that reward r belongs to
  std::vector<int32_t> reward_rows;       // [U] the token rows that are read (without readouts: the last row of each
                                          // sample), ascending, each once
  std::vector<int32_t> reward_positions;  // [U] their positions
  std::vector<int32_t>
      cache_rows;  // with a cache: [N] the cache rows of the tokens' keys and values, ascending; else empty
  std::vector<int32_t> reward_cache_rows;  // with a cache: [U] those of reward_rows
  std::vector<int32_t> reward_index;       // [R] entry of reward_rows that holds reward r (equal samples share one)
  // For the backward pass: token rows sorted by token id (ties in row order), and where each distinct id's run begins:
  // [N], [distinct + 1]; fewer if a token was left out. Both are empty in a tree without that order.
  std::vector<int32_t> token_order;
  std::vector<int32_t> token_runs;
  int64_t longest_path = 0;  // tokens of the longest sample

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
  int64_t rewards() const { return static_cast<int64_t>(samples.size()); }
};

// Packs the chosen samples (indices into `samples`, in the order of their groups). With `share`, samples of one group
// share the longest common prefix of their ids, and smaller groups among them share more as long as that saves at least
// 16 tokens. Without it, every sample is a separate tree. Forward passes need no token order.
enum class TokenOrder { sorted, none };
PackedTree pack_tree(const Samples& samples, std::span<const int32_t> chosen, bool share,
                     TokenOrder order = TokenOrder::sorted);

// Removes the token's rows from token_order, and its run from token_runs: the embedding's backward then leaves that row
// of the table without a gradient. Does nothing if the tree does not have the token.
void leave_token_out(PackedTree& tree, int32_t token);

// Cuts samples into micro-batches of at most `budget` packed tokens, whole groups first. A group that does not fit is
// cut between its samples; a sample longer than the budget is a micro-batch of its own. No micro-batch has more than
// reward_capacity(budget) readouts, except for a single sample that has more.
std::vector<std::vector<int32_t>> plan_micro_batches(const Samples& samples, int64_t budget, bool share);

// The maximum number of readouts of a micro-batch of that many tokens; it bounds the memory of the last layer and the
// head.
constexpr int64_t reward_capacity(int64_t budget) { return budget < 1024 ? 64 : budget / 16; }

// Throws Error (naming the sample) for offsets that do not ascend, empty samples, ids outside [0, vocab_size), readouts
// outside the sample, and samples longer than the model's `max_positions` (0: no limit).
void check_samples(const Samples& samples, int64_t vocab_size, int64_t max_positions);

}  // namespace cheems
