#include "ops/reward_head/reward_head.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"

namespace cheems {
namespace {

using namespace testing;

template <class Real>
std::vector<Real> rewards_of(const std::vector<Real>& x, const std::vector<Real>& weight,
                             const std::vector<int32_t>& index) {
  std::vector<Real> rewards(index.size());
  for (size_t r = 0; r < index.size(); ++r) {
    for (size_t i = 0; i < weight.size(); ++i)
      rewards[r] += x[static_cast<size_t>(index[r]) * weight.size() + i] * weight[i];
  }
  return rewards;
}

template <class Real>
struct HeadGradient {
  std::vector<Real> dx, d_weight;
};

template <class Real>
HeadGradient<Real> head_gradient(const std::vector<Real>& d_rewards, const std::vector<Real>& x,
                                 const std::vector<Real>& weight, const std::vector<int32_t>& index) {
  HeadGradient<Real> d{std::vector<Real>(x.size()), std::vector<Real>(weight.size())};
  for (size_t r = 0; r < index.size(); ++r) {
    for (size_t i = 0; i < weight.size(); ++i) {
      d.dx[static_cast<size_t>(index[r]) * weight.size() + i] += d_rewards[r] * weight[i];
      d.d_weight[i] += d_rewards[r] * x[static_cast<size_t>(index[r]) * weight.size() + i];
    }
  }
  return d;
}

// Seven samples that end in four distinct rows; row 2 ends none of them.
const std::vector<int32_t> kIndex = {3, 0, 3, 1, 4, 0, 3};
constexpr int64_t kRows = 5;

TEST_CASE("reward_head: the reference's gradient is that of finite differences, with rows that several samples share") {
  const auto x = as<double>(random_floats(kRows * 6, 1)), weight = as<double>(random_floats(6, 2)),
             upstream = as<double>(random_floats(7, 3));
  const auto d = head_gradient(upstream, x, weight, kIndex);
  check_gradient("dx", d.dx, x, [&](const auto& at) { return weighed(rewards_of(at, weight, kIndex), upstream); });
  check_gradient("dweight", d.d_weight, weight,
                 [&](const auto& at) { return weighed(rewards_of(x, at, kIndex), upstream); });
}

TEST_CASE("reward_head: rewards and gradients of shared rows; dx is overwritten, dweight accumulates") {
  for (const int64_t width : {1, 3, 33, 97, 1000}) {
    CAPTURE(width);
    const auto x = random_floats(kRows * width, 1), weight = random_floats(width, 2), upstream = random_floats(7, 3),
               before = random_floats(width, 4);
    const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
      Matrix in(kRows, width, x), w = contiguous(1, width, weight), rewards = contiguous(1, 7),
                                  d_rewards = contiguous(1, 7, upstream);
      Matrix dx(kRows, width, random_floats(kRows * width, 5)), dw = contiguous(1, width, before);
      cpu->reward_head_forward({.rewards = rewards.view(), .x = in.view(), .weight = w.view(), .index = kIndex});
      cpu->reward_head_backward({.dx = dx.view(),
                                 .d_weight = dw.view(),
                                 .d_rewards = d_rewards.view(),
                                 .x = in.view(),
                                 .weight = w.view(),
                                 .index = kIndex});
      for (const Matrix* matrix : {&in, &w, &rewards, &d_rewards, &dx, &dw}) CHECK(matrix->guards_hold());
      return {rewards.values(), dx.values(), dw.values()};
    });
    const auto exact_rewards = rewards_of<double>(as<double>(x), as<double>(weight), kIndex);
    // Summed in double: the nearest float32, whatever the width.
    for (size_t r = 0; r < kIndex.size(); ++r) CHECK(out[0][r] == static_cast<float>(exact_rewards[r]));
    const auto plain = head_gradient(upstream, x, weight, kIndex);
    const auto exact = head_gradient<double>(as<double>(upstream), as<double>(x), as<double>(weight), kIndex);
    check_rounding("dx", kGradients, out[1], plain.dx, exact.dx);
    check_rounding("dweight", kGradients, out[2], sum_of(plain.d_weight, before),
                   sum_of(exact.d_weight, as<double>(before)));
    CHECK(std::all_of(out[1].begin() + 2 * width, out[1].begin() + 3 * width, [](float d) { return d == 0; }));
  }
}

}  // namespace
}  // namespace cheems
