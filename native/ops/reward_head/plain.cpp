// The operation in plain loops: the reference for every backend.
#include "ops/reward_head/reward_head.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// Summed in double, whatever Accumulate is: the contract says so.
template <class A>
void reward_head_forward(const RewardHeadForward& a) {
  for (size_t r = 0; r < a.index.size(); ++r) {
    double sum = 0;
    for (int64_t h = 0; h < a.x.columns; ++h) sum += get<double>(a.x, a.index[r], h) * get<double>(a.weight, 0, h);
    put<double>(a.rewards, 0, static_cast<int64_t>(r), sum);
  }
}

template <class A>
void reward_head_backward(const RewardHeadBackward& a) {
  std::vector<A> d_rows(static_cast<size_t>(a.x.rows));  // the sum of the gradients of a row's rewards
  for (size_t r = 0; r < a.index.size(); ++r)
    d_rows[static_cast<size_t>(a.index[r])] += get<A>(a.d_rewards, 0, static_cast<int64_t>(r));
  for (int64_t row = 0; row < a.dx.rows; ++row) {
    for (int64_t h = 0; h < a.dx.columns; ++h)
      put<A>(a.dx, row, h, get<A>(a.weight, 0, h) * d_rows[static_cast<size_t>(row)]);
  }
  if (!a.d_weight) return;
  for (int64_t h = 0; h < a.x.columns; ++h) {
    A sum = get<A>(a.d_weight, 0, h);
    for (size_t r = 0; r < a.index.size(); ++r)
      sum += get<A>(a.d_rewards, 0, static_cast<int64_t>(r)) * get<A>(a.x, a.index[r], h);
    put<A>(a.d_weight, 0, h, sum);
  }
}

CHEEMS_PLAIN(reward_head_forward, RewardHeadForward)
CHEEMS_PLAIN(reward_head_backward, RewardHeadBackward)

}  // namespace cheems::testing::plain
