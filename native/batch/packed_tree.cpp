#include "batch/packed_tree.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "batch/branching.h"
#include "core/error.h"
#include "core/knobs.h"

namespace cheems {
namespace {

// Receives the branches in order and lays them out.
class Packer {
 public:
  explicit Packer(const Samples& samples) : samples_(samples) {}

  void start_tree() { tree_.tree_begins.push_back(static_cast<int32_t>(tree_.segments.size())); }

  int32_t add_segment(std::span<const int32_t> ids, int64_t position, int32_t parent) {
    const auto tree_number = static_cast<int32_t>(tree_.tree_begins.size()) - 1;
    tree_.segments.push_back({static_cast<int32_t>(tree_.rows()), static_cast<int32_t>(ids.size()), parent,
                              static_cast<int32_t>(position), tree_number});
    tree_.tokens.insert(tree_.tokens.end(), ids.begin(), ids.end());
    for (size_t i = 0; i < ids.size(); ++i)
      tree_.positions.push_back(static_cast<int32_t>(position + static_cast<int64_t>(i)));
    tree_.longest_path = std::max(tree_.longest_path, position + static_cast<int64_t>(ids.size()));
    return static_cast<int32_t>(tree_.segments.size()) - 1;
  }

  void add_reward(int32_t sample, int32_t segment) {
    const auto add = [&](int32_t row) {
      tree_.samples.push_back(sample);
      tree_.reward_index.push_back(row);  // the row for now; index_rewards converts it to an index
    };
    const auto segment_at = [&](int32_t number) -> const Segment& {
      return tree_.segments[static_cast<size_t>(number)];
    };
    if (samples_.readout_offsets.empty()) {
      const Segment& s = segment_at(segment);
      return add(s.begin + s.length - 1);
    }
    const auto s = static_cast<size_t>(sample);
    for (int32_t i = samples_.readout_offsets[s]; i < samples_.readout_offsets[s + 1]; ++i) {
      const int32_t position = samples_.readouts[static_cast<size_t>(i)];
      int32_t holder = segment;  // or the ancestor that contains the token
      while (position < segment_at(holder).position) holder = segment_at(holder).parent;
      add(segment_at(holder).begin + position - segment_at(holder).position);
    }
  }

  PackedTree finish() {
    tree_.tree_begins.push_back(static_cast<int32_t>(tree_.segments.size()));
    index_rewards();
    return std::move(tree_);
  }

 private:
  void index_rewards() {
    tree_.reward_rows = tree_.reward_index;
    std::sort(tree_.reward_rows.begin(), tree_.reward_rows.end());
    tree_.reward_rows.erase(std::unique(tree_.reward_rows.begin(), tree_.reward_rows.end()), tree_.reward_rows.end());
    for (const int32_t row : tree_.reward_rows)
      tree_.reward_positions.push_back(tree_.positions[static_cast<size_t>(row)]);
    for (int32_t& index : tree_.reward_index) {
      index = static_cast<int32_t>(std::lower_bound(tree_.reward_rows.begin(), tree_.reward_rows.end(), index) -
                                   tree_.reward_rows.begin());
    }
  }

  const Samples& samples_;
  PackedTree tree_;
};

// Rows by ascending token id, ties in row order: a radix sort, since comparing took most of packing's time.
void sort_rows(const std::vector<int32_t>& tokens, std::vector<int32_t>& order) {
  constexpr int kBits = 11;
  constexpr uint32_t kDigits = 1u << kBits;
  uint32_t largest = 0;
  for (const int32_t token : tokens) largest = std::max(largest, static_cast<uint32_t>(token));
  order.resize(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<int32_t> sorted(tokens.size());
  for (int shift = 0; shift < 32 && (largest >> shift) > 0; shift += kBits) {
    const auto digit_of = [&](int32_t row) {
      return static_cast<uint32_t>(tokens[static_cast<size_t>(row)]) >> shift & (kDigits - 1);
    };
    std::array<int32_t, kDigits> place{};
    for (const int32_t row : order) ++place[digit_of(row)];
    std::exclusive_scan(place.begin(), place.end(), place.begin(), 0);
    for (const int32_t row : order) sorted[static_cast<size_t>(place[digit_of(row)]++)] = row;
    order.swap(sorted);
  }
}

void sort_tokens(PackedTree& tree) {
  const auto& tokens = tree.tokens;
  const auto id_of = [&](size_t place) { return tokens[static_cast<size_t>(tree.token_order[place])]; };
  sort_rows(tokens, tree.token_order);
  tree.token_runs.clear();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i == 0 || id_of(i) != id_of(i - 1)) tree.token_runs.push_back(static_cast<int32_t>(i));
  }
  tree.token_runs.push_back(static_cast<int32_t>(tokens.size()));
}

}  // namespace

PackedTree pack_tree(const Samples& samples, std::span<const int32_t> chosen, bool share, TokenOrder order) {
  Packer packer(samples);
  Branching<Packer> branching(samples, share, packer);
  for (const auto group : by_group(samples, chosen)) branching.add_tree(group);
  PackedTree tree = packer.finish();
  if (order == TokenOrder::sorted) sort_tokens(tree);
  return tree;
}

void leave_token_out(PackedTree& tree, int32_t token) {
  const auto id_of = [&](int32_t row) { return tree.tokens[static_cast<size_t>(row)]; };
  const auto by_id = [&](int32_t row, int32_t id) { return id_of(row) < id; };
  const auto begin = std::lower_bound(tree.token_order.begin(), tree.token_order.end(), token, by_id);
  auto end = begin;
  while (end != tree.token_order.end() && id_of(*end) == token) ++end;
  if (begin == end) return;
  const auto first = static_cast<int32_t>(begin - tree.token_order.begin()), count = static_cast<int32_t>(end - begin);
  tree.token_order.erase(begin, end);
  tree.token_runs.erase(std::find(tree.token_runs.begin(), tree.token_runs.end(), first));
  for (int32_t& run : tree.token_runs) run -= run > first ? count : 0;
}

namespace {

void check_readouts(const Samples& samples) {
  const auto& offsets = samples.readout_offsets;
  if (offsets.empty() && samples.readouts.empty()) return;
  if (offsets.size() != static_cast<size_t>(samples.count()) + 1 || offsets.front() != 0 ||
      offsets.back() != static_cast<int32_t>(samples.readouts.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    fail("The readouts' offsets do not fit: ", samples.count(), " samples need ", samples.count() + 1,
         " offsets that ascend from 0 to ", samples.readouts.size(), ".");
  }
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t length = int64_t{samples.offsets[s + 1]} - samples.offsets[s];
    if (offsets[s] == offsets[s + 1])
      fail("Sample ", s, " of the batch has no readouts; each sample needs at least one.");
    for (int32_t i = offsets[s]; i < offsets[s + 1]; ++i) {
      const int32_t position = samples.readouts[static_cast<size_t>(i)];
      if (position < 0 || position >= length)
        fail("Sample ", s, " of the batch has a readout at token ", position, ", but only ", length, " tokens.");
    }
  }
}

}  // namespace

void check_samples(const Samples& samples, int64_t vocab_size, int64_t max_positions) {
  const auto count = static_cast<size_t>(samples.count());
  if (samples.offsets.size() != count + 1 || samples.offsets[0] != 0 ||
      samples.offsets[count] != static_cast<int32_t>(samples.tokens.size())) {
    fail("The samples' offsets do not fit their tokens: ", count, " samples need ", count + 1, " offsets from 0 to ",
         samples.tokens.size(), ".");
  }
  if (!std::is_sorted(samples.offsets.begin(), samples.offsets.end()))
    fail("The samples' offsets do not ascend.");  // nothing past the tokens is read below
  check_readouts(samples);
  for (size_t s = 0; s < count; ++s) {
    const int64_t length = int64_t{samples.offsets[s + 1]} - samples.offsets[s];
    if (length <= 0) fail("Sample ", s, " of the batch is empty (no token ids); a reward needs at least one token.");
    if (max_positions > 0 && length > max_positions) {
      fail("Sample ", s, " of the batch has ", length, " tokens, but the model's config.json allows ", max_positions,
           " positions (max_position_embeddings); shorten it (", knob("maxLength"), ", ", knob("truncation"), ").");
    }
    for (int64_t i = 0; i < length; ++i) {
      const int32_t id = samples.tokens[static_cast<size_t>(samples.offsets[s] + i)];
      if (id < 0 || id >= vocab_size) {
        fail("Sample ", s, " of the batch has token id ", id, " at position ", i,
             ", outside the model's vocabulary of ", vocab_size,
             " ids; the ids were made by another tokenizer than the model's.");
      }
    }
  }
}

}  // namespace cheems
