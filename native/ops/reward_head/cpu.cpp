#include <cstring>

#include "backends/cpu/kernels.h"
#include "ops/reward_head/reward_head.h"

namespace cheems::cpu {

// One thread: R * H numbers in all.
void reward_head_forward(const RewardHeadForward& a, Context&) {
  for (size_t r = 0; r < a.index.size(); ++r) {
    const float* x = floats(a.x) + a.index[r] * a.x.stride;
    double sum = 0;
    for (int64_t i = 0; i < a.x.columns; ++i) sum += static_cast<double>(x[i]) * floats(a.weight)[i];
    floats(a.rewards)[r] = static_cast<float>(sum);
  }
}

void reward_head_backward(const RewardHeadBackward& a, Context&) {
  for (int64_t row = 0; row < a.dx.rows; ++row)
    std::memset(floats(a.dx) + row * a.dx.stride, 0, static_cast<size_t>(a.dx.columns) * sizeof(float));
  for (size_t r = 0; r < a.index.size(); ++r) {
    const float d = floats(a.d_rewards)[r];
    const float* x = floats(a.x) + a.index[r] * a.x.stride;
    if (a.dx) {
      float* dx = floats(a.dx) + a.index[r] * a.dx.stride;
      for (int64_t i = 0; i < a.x.columns; ++i) dx[i] += d * floats(a.weight)[i];
    }
    if (!a.d_weight) continue;
    for (int64_t i = 0; i < a.x.columns; ++i) floats(a.d_weight)[i] += d * x[i];
  }
}

}  // namespace cheems::cpu
