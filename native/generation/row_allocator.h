// Which rows of a key/value cache are free: runs of rows, allocated first fit, merged when they are freed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace cheems::generation {

class RowAllocator {
 public:
  explicit RowAllocator(int64_t rows) : free_rows_(rows) {
    if (rows > 0) free_[0] = rows;
  }

  // The first of `count` consecutive free rows, which are now taken; nothing if no run is long enough. 0 rows are
  // always available.
  std::optional<int64_t> take(int64_t count) {
    if (count == 0) return 0;
    for (auto run = free_.begin(); run != free_.end(); ++run) {
      const auto [begin, length] = *run;
      if (length < count) continue;
      free_.erase(run);
      if (length > count) free_[begin + count] = length - count;
      free_rows_ -= count;
      return begin;
    }
    return std::nullopt;
  }

  // Frees what take() returned.
  void give_back(int64_t begin, int64_t count) {
    if (count == 0) return;
    free_rows_ += count;
    auto next = free_.lower_bound(begin);
    if (next != free_.end() && begin + count == next->first) {
      count += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == begin) {
        before->second += count;
        return;
      }
    }
    free_[begin] = count;
  }

  int64_t free_rows() const { return free_rows_; }

 private:
  std::map<int64_t, int64_t> free_;  // begin -> length; no two runs touch
  int64_t free_rows_;
};

}  // namespace cheems::generation
