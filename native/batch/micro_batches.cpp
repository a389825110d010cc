// Cutting samples into micro-batches, from their lengths and common prefixes alone, without packing them.
#include <algorithm>
#include <numeric>

#include "batch/branching.h"
#include "batch/packed_tree.h"

namespace cheems {
namespace {

// The rows of a tree.
struct RowCounter {
  int64_t rows = 0;
  void start_tree() {}
  int32_t add_segment(std::span<const int32_t> ids, int64_t, int32_t) {
    rows += static_cast<int64_t>(ids.size());
    return 0;
  }
  void add_reward(int32_t, int32_t) {}
};

int64_t count_rows(const Samples& samples, std::span<const int32_t> members, bool share) {
  RowCounter counter;
  Branching<RowCounter>(samples, share, counter).add_tree(members);
  return counter.rows;
}

// Fills micro-batches one after another; a run of samples that does not fit opens the next one.
class MicroBatches {
 public:
  explicit MicroBatches(int64_t budget) : budget_(budget) {}
  void add(std::span<const int32_t> members, int64_t rows, int64_t readouts) {
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
  using Members = std::span<const int32_t>;
  const auto readouts_of = [&](Members members) {
    int64_t sum = 0;
    for (const int32_t sample : members) sum += samples.readouts_of(sample);
    return sum;
  };
  const auto fits = [&](Members members, int64_t rows) {
    return rows <= budget && readouts_of(members) <= reward_capacity(budget);
  };
  for (const Members group : by_group(samples, all)) {
    if (const int64_t rows = count_rows(samples, group, share); fits(group, rows)) {
      batches.add(group, rows, readouts_of(group));
      continue;
    }
    // Too large for one micro-batch: as many of its samples at a time as fit; each part repeats the prompt.
    for (size_t begin = 0, end; begin < group.size(); begin = end) {
      int64_t part_rows = count_rows(samples, group.subspan(begin, 1), share);
      for (end = begin + 1; end < group.size(); ++end) {
        const Members more = group.subspan(begin, end + 1 - begin);
        const int64_t rows = count_rows(samples, more, share);
        if (!fits(more, rows)) break;
        part_rows = rows;
      }
      const Members part = group.subspan(begin, end - begin);
      batches.close();
      batches.add(part, part_rows, readouts_of(part));
    }
    batches.close();
  }
  return batches.take();
}

}  // namespace cheems
