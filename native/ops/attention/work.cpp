#include <algorithm>
#include <span>

#include "batch/packed_tree.h"
#include "ops/attention/attention.h"
#include "ops/work.h"

namespace cheems {
namespace {

// `products` multiply-adds for each visible pair of a query and a key, over all heads; masked pairs do not count.
double products_in_sight(const PackedTree& tree, std::span<const int32_t> query_rows, const AttentionShape& shape,
                         double products) {
  double pairs = 0;
  const auto count = [&](int32_t row) {
    const double position = tree.positions[static_cast<size_t>(row)] + 1;
    pairs += shape.window > 0 ? std::min<double>(position, static_cast<double>(shape.window)) : position;
  };
  if (query_rows.empty()) {
    for (int32_t row = 0; row < tree.rows(); ++row) count(row);
  } else {
    for (const int32_t row : query_rows) count(row);
  }
  return 2 * products * pairs * static_cast<double>(shape.head_size * shape.num_heads);
}

}  // namespace

double attention_forward_work(const AttentionForward& a) {
  return products_in_sight(*a.tree, a.query_rows, a.shape, 2);
}

double attention_backward_work(const AttentionBackward& a) {
  return products_in_sight(*a.tree, a.query_rows, a.shape, 5);
}

}  // namespace cheems
