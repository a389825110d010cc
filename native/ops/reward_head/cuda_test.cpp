#include "ops/reward_head/reward_head.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

// Seven samples that end in four distinct rows; row 2 ends none of them.
const std::vector<int32_t> kFewIndices = {3, 0, 3, 1, 4, 0, 3};

void check_head(int64_t rows, int64_t columns, const std::vector<int32_t>& index) {
  CAPTURE(rows);
  CAPTURE(columns);
  const auto rewards_count = static_cast<int64_t>(index.size());
  const auto x_numbers = random_floats(rows * columns, 1), weight_numbers = random_floats(columns, 2);
  check_operation(
      {.widest_row = columns, .rows = rows},
      [&](Site& site) -> OutputList {
        const Tensor x = site.floats(rows, columns, x_numbers), weight = site.vector(weight_numbers),
                     rewards = site.vector(rewards_count);
        const Tensor dx = site.floats(rows, columns, {}, 5), d_weight = site.vector(random_floats(columns, 4)),
                     d_rewards = site.vector(random_floats(rewards_count, 3));
        site->reward_head_forward({.rewards = rewards, .x = x, .weight = weight, .index = index});
        site->reward_head_backward(
            {.dx = dx, .d_weight = d_weight, .d_rewards = d_rewards, .x = x, .weight = weight, .index = index});
        // Summed in double: the float32 nearest to the exact number.
        const Values got = site.values(rewards);
        for (size_t r = 0; r < index.size(); ++r) {
          double exact = 0;
          const float* row = x_numbers.data() + index[r] * columns;
          for (int64_t c = 0; c < columns; ++c)
            exact += static_cast<double>(row[c]) * static_cast<double>(weight_numbers[static_cast<size_t>(c)]);
          CHECK(static_cast<float>(got.numbers[r]) == static_cast<float>(exact));
        }
        return {{"rewards", got, kOutputs},
                {"dx", site.values(dx), kGradients},
                {"d_weight", site.values(d_weight), kGradients}};
      },
      {.bfloat16 = false});  // float32 in every precision
}

TEST_CASE("cuda reward_head: rewards and gradients of shared rows; dx is overwritten, d_weight accumulates") {
  for (const int64_t columns : {1, 3, 33, 97, 1000}) check_head(5, columns, kFewIndices);
  check_head(1, 64, {0});
}

TEST_CASE("cuda reward_head: more rewards than a block has threads, and none at all") {
  std::vector<int32_t> many;
  for (int32_t r = 0; r < 300; ++r) many.push_back(r * 7 % 11);
  check_head(11, 40, many);
  check_head(3, 40, {});
}

}  // namespace
}  // namespace cheems
