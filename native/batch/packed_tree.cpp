#include "batch/packed_tree.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace cheems {
namespace {

// Splitting a segment costs its descendants a little attention work; it pays from about this many saved tokens.
constexpr int64_t kLeastSharedTokens = 16;

std::span<const int32_t> tokens_of(const Samples& samples, int32_t sample) {
  const auto s = static_cast<size_t>(sample);
  return samples.tokens.subspan(static_cast<size_t>(samples.offsets[s]), static_cast<size_t>(samples.offsets[s + 1] - samples.offsets[s]));
}

class Packer {
 public:
  Packer(const Samples& samples, bool share) : samples_(samples), share_(share) {}

  // One tree for `members`, samples of one group.
  void add_tree(std::vector<int32_t> members) {
    if (!share_ || members.size() == 1 || common_prefix(members, 0) == 0) {
      for (const int32_t sample : members) {
        start_tree();
        add_branch({sample}, 0, -1);
      }
      return;
    }
    start_tree();
    add_branch(std::move(members), 0, -1);
  }

  PackedTree finish() {
    tree_.tree_begins.push_back(static_cast<int32_t>(tree_.segments.size()));
    index_rewards();
    sort_tokens();
    return std::move(tree_);
  }

 private:
  void start_tree() { tree_.tree_begins.push_back(static_cast<int32_t>(tree_.segments.size())); }

  // The longest prefix, counted from token `from`, that all members share.
  int64_t common_prefix(const std::vector<int32_t>& members, int64_t from) const {
    const auto first = tokens_of(samples_, members[0]);
    int64_t common = static_cast<int64_t>(first.size()) - from;
    for (const int32_t sample : members) {
      const auto ids = tokens_of(samples_, sample);
      const int64_t most = std::min<int64_t>(common, static_cast<int64_t>(ids.size()) - from);
      common = std::mismatch(first.begin() + from, first.begin() + from + most, ids.begin() + from).first - (first.begin() + from);
    }
    return common;
  }

  // The members share everything before token `from`, which stands in `parent` and its ancestors.
  void add_branch(std::vector<int32_t> members, int64_t from, int32_t parent) {
    const int64_t common = common_prefix(members, from);
    const int32_t segment = common > 0 ? add_segment(tokens_of(samples_, members[0]).subspan(static_cast<size_t>(from), static_cast<size_t>(common)), from, parent) : parent;
    const int64_t next = from + common;
    std::vector<int32_t> longer;
    for (const int32_t sample : members) {
      const int64_t length = static_cast<int64_t>(tokens_of(samples_, sample).size());
      if (length == next) add_reward(sample, segment);
      else longer.push_back(sample);
    }
    // Members that go on with the same token stay together where that saves enough.
    std::stable_sort(longer.begin(), longer.end(), [&](int32_t a, int32_t b) { return token_at(a, next) < token_at(b, next); });
    for (size_t begin = 0, end; begin < longer.size(); begin = end) {
      for (end = begin + 1; end < longer.size() && token_at(longer[end], next) == token_at(longer[begin], next);) ++end;
      std::vector<int32_t> branch(longer.begin() + static_cast<std::ptrdiff_t>(begin), longer.begin() + static_cast<std::ptrdiff_t>(end));
      const int64_t saved = branch.size() > 1 ? common_prefix(branch, next) * static_cast<int64_t>(branch.size() - 1) : 0;
      if (branch.size() == 1 || saved >= kLeastSharedTokens) add_branch(std::move(branch), next, segment);
      else for (const int32_t sample : branch) add_branch({sample}, next, segment);
    }
  }

  int32_t token_at(int32_t sample, int64_t index) const { return tokens_of(samples_, sample)[static_cast<size_t>(index)]; }

  int32_t add_segment(std::span<const int32_t> ids, int64_t position, int32_t parent) {
    const auto tree_number = static_cast<int32_t>(tree_.tree_begins.size()) - 1;
    tree_.segments.push_back({static_cast<int32_t>(tree_.rows()), static_cast<int32_t>(ids.size()), parent, static_cast<int32_t>(position), tree_number});
    tree_.tokens.insert(tree_.tokens.end(), ids.begin(), ids.end());
    for (size_t i = 0; i < ids.size(); ++i) tree_.positions.push_back(static_cast<int32_t>(position + static_cast<int64_t>(i)));
    tree_.longest_path = std::max(tree_.longest_path, position + static_cast<int64_t>(ids.size()));
    return static_cast<int32_t>(tree_.segments.size()) - 1;
  }

  void add_reward(int32_t sample, int32_t segment) {
    const auto add = [&](int32_t row) {
      tree_.samples.push_back(sample);
      tree_.reward_index.push_back(row);  // the row for now; index_rewards turns it into an index
    };
    const auto segment_at = [&](int32_t number) -> const Segment& { return tree_.segments[static_cast<size_t>(number)]; };
    if (samples_.readout_offsets.empty()) {
      const Segment& s = segment_at(segment);
      return add(s.begin + s.length - 1);
    }
    const auto s = static_cast<size_t>(sample);
    for (int32_t i = samples_.readout_offsets[s]; i < samples_.readout_offsets[s + 1]; ++i) {
      const int32_t position = samples_.readouts[static_cast<size_t>(i)];
      int32_t holder = segment;  // or the ancestor that the token lies in
      while (position < segment_at(holder).position) holder = segment_at(holder).parent;
      add(segment_at(holder).begin + position - segment_at(holder).position);
    }
  }

  void index_rewards() {
    tree_.reward_rows = tree_.reward_index;
    std::sort(tree_.reward_rows.begin(), tree_.reward_rows.end());
    tree_.reward_rows.erase(std::unique(tree_.reward_rows.begin(), tree_.reward_rows.end()), tree_.reward_rows.end());
    for (const int32_t row : tree_.reward_rows) tree_.reward_positions.push_back(tree_.positions[static_cast<size_t>(row)]);
    for (int32_t& index : tree_.reward_index) {
      index = static_cast<int32_t>(std::lower_bound(tree_.reward_rows.begin(), tree_.reward_rows.end(), index) - tree_.reward_rows.begin());
    }
  }

  void sort_tokens() {
    const auto& tokens = tree_.tokens;
    tree_.token_order.resize(tokens.size());
    std::iota(tree_.token_order.begin(), tree_.token_order.end(), 0);
    std::stable_sort(tree_.token_order.begin(), tree_.token_order.end(), [&](int32_t a, int32_t b) { return tokens[static_cast<size_t>(a)] < tokens[static_cast<size_t>(b)]; });
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i == 0 || tokens[static_cast<size_t>(tree_.token_order[i])] != tokens[static_cast<size_t>(tree_.token_order[i - 1])]) tree_.token_runs.push_back(static_cast<int32_t>(i));
    }
    tree_.token_runs.push_back(static_cast<int32_t>(tokens.size()));
  }

  const Samples& samples_;
  const bool share_;
  PackedTree tree_;
};

// Splits `chosen` (in the order of groups) into runs of one group each.
std::vector<std::vector<int32_t>> by_group(const Samples& samples, std::span<const int32_t> chosen) {
  std::vector<std::vector<int32_t>> groups;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto group = samples.groups[static_cast<size_t>(chosen[i])];
    if (i == 0 || group != samples.groups[static_cast<size_t>(chosen[i - 1])]) groups.emplace_back();
    groups.back().push_back(chosen[i]);
  }
  return groups;
}

}  // namespace

PackedTree pack_tree(const Samples& samples, std::span<const int32_t> chosen, bool share) {
  Packer packer(samples, share);
  for (auto& group : by_group(samples, chosen)) packer.add_tree(std::move(group));
  return packer.finish();
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

// Fills micro-batches one after another; a run of samples that has no room left opens the next.
class MicroBatches {
 public:
  explicit MicroBatches(int64_t budget) : budget_(budget) {}
  void add(const std::vector<int32_t>& members, int64_t rows, int64_t readouts) {
    if (batches_.empty() || rows > rows_left_ || readouts > readouts_left_) {
      batches_.emplace_back();
      rows_left_ = budget_;
      readouts_left_ = reward_capacity(budget_);
    }
    rows_left_ -= rows;
    readouts_left_ -= readouts;
    batches_.back().insert(batches_.back().end(), members.begin(), members.end());
  }
  void close() { rows_left_ = 0; }
  std::vector<std::vector<int32_t>> take() { return std::move(batches_); }

 private:
  const int64_t budget_;
  int64_t rows_left_ = 0, readouts_left_ = 0;
  std::vector<std::vector<int32_t>> batches_;
};

}  // namespace

std::vector<std::vector<int32_t>> plan_micro_batches(const Samples& samples, int64_t budget, bool share) {
  std::vector<int32_t> all(static_cast<size_t>(samples.count()));
  std::iota(all.begin(), all.end(), 0);
  MicroBatches batches(budget);
  const auto rows_of = [&](const std::vector<int32_t>& members) { return pack_tree(samples, members, share).rows(); };
  const auto readouts_of = [&](const std::vector<int32_t>& members) {
    return std::accumulate(members.begin(), members.end(), int64_t{0}, [&](int64_t sum, int32_t sample) { return sum + samples.readouts_of(sample); });
  };
  const auto fits = [&](const std::vector<int32_t>& members, int64_t rows) { return readouts_of(members) <= reward_capacity(budget) && rows <= budget; };
  for (const auto& group : by_group(samples, all)) {
    if (const int64_t rows = rows_of(group); fits(group, rows)) {
      batches.add(group, rows, readouts_of(group));
      continue;
    }
    // Too large for one micro-batch: as many of its samples at a time as fit, each part with the prompt again.
    batches.close();
    std::vector<int32_t> part;
    int64_t part_rows = 0;
    for (const int32_t sample : group) {
      part.push_back(sample);
      const int64_t rows = rows_of(part);
      if (part.size() == 1 || fits(part, rows)) {
        part_rows = rows;
        continue;
      }
      part.pop_back();
      batches.add(part, part_rows, readouts_of(part));
      batches.close();
      part = {sample};
      part_rows = rows_of(part);
    }
    batches.add(part, part_rows, readouts_of(part));
    batches.close();
  }
  return batches.take();
}

namespace {

void check_readouts(const Samples& samples) {
  const auto& offsets = samples.readout_offsets;
  if (offsets.empty() && samples.readouts.empty()) return;
  if (offsets.size() != static_cast<size_t>(samples.count()) + 1 || offsets.front() != 0 || offsets.back() != static_cast<int32_t>(samples.readouts.size()) || !std::is_sorted(offsets.begin(), offsets.end())) {
    fail("The readouts' offsets do not fit: ", samples.count(), " samples need ", samples.count() + 1, " offsets that ascend from 0 to ", samples.readouts.size(), ".");
  }
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t length = int64_t{samples.offsets[s + 1]} - samples.offsets[s];
    if (offsets[s] == offsets[s + 1]) fail("Sample ", s, " of the batch has no token that is read; each sample needs at least one.");
    for (int32_t i = offsets[s]; i < offsets[s + 1]; ++i) {
      const int32_t position = samples.readouts[static_cast<size_t>(i)];
      if (position < 0 || position >= length) fail("Sample ", s, " of the batch is to be read at token ", position, ", but has ", length, " tokens.");
    }
  }
}

}  // namespace

void check_samples(const Samples& samples, int64_t vocab_size, int64_t max_positions) {
  const auto count = static_cast<size_t>(samples.count());
  if (samples.offsets.size() != count + 1 || samples.offsets[0] != 0 || samples.offsets[count] != static_cast<int32_t>(samples.tokens.size())) {
    fail("The samples' offsets do not fit their tokens: ", count, " samples need ", count + 1, " offsets from 0 to ", samples.tokens.size(), ".");
  }
  if (!std::is_sorted(samples.offsets.begin(), samples.offsets.end())) fail("The samples' offsets do not ascend.");  // nothing past the tokens is read below
  check_readouts(samples);
  for (size_t s = 0; s < count; ++s) {
    const int64_t length = int64_t{samples.offsets[s + 1]} - samples.offsets[s];
    if (length <= 0) fail("Sample ", s, " of the batch is empty (no token ids); a reward needs at least one token.");
    if (max_positions > 0 && length > max_positions) {
      fail("Sample ", s, " of the batch has ", length, " tokens, but the model's config.json allows ", max_positions, " positions (max_position_embeddings); shorten it (--max_length, --truncation).");
    }
    for (int64_t i = 0; i < length; ++i) {
      const int32_t id = samples.tokens[static_cast<size_t>(samples.offsets[s] + i)];
      if (id < 0 || id >= vocab_size) {
        fail("Sample ", s, " of the batch has token id ", id, " at position ", i, ", outside the model's vocabulary of ", vocab_size, " ids; the ids come from another tokenizer than the model's.");
      }
    }
  }
}

}  // namespace cheems
