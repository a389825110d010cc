#include "model/relative_positions.h"

#include <algorithm>
#include <cmath>

namespace cheems::model {

int64_t relative_bucket(int64_t relative, int64_t position_buckets, int64_t max_relative_positions) {
  const int64_t middle = position_buckets / 2, distance = std::abs(relative);
  if (distance <= middle) return relative;
  const float near = static_cast<float>(middle);
  const float largest =
      std::log(static_cast<float>(static_cast<double>(max_relative_positions - 1) / static_cast<double>(middle)));
  const auto bucket = static_cast<int64_t>(std::ceil(std::log(static_cast<float>(distance) / near) / largest *
                                                     static_cast<float>(middle - 1))) +
                      middle;
  return relative > 0 ? bucket : -bucket;
}

std::vector<int32_t> relative_rows(int64_t position_buckets, int64_t max_relative_positions, int64_t reach) {
  std::vector<int32_t> rows(static_cast<size_t>(2 * reach - 1));
  for (int64_t distance = 1 - reach; distance < reach; ++distance) {  // j - i
    const int64_t bucket = relative_bucket(-distance, position_buckets, max_relative_positions);
    rows[static_cast<size_t>(distance + reach - 1)] =
        static_cast<int32_t>(std::clamp<int64_t>(bucket + position_buckets, 0, 2 * position_buckets - 1));
  }
  return rows;
}

}  // namespace cheems::model
