// The operation in plain loops: the reference for every backend.
#include <cmath>

#include "ops/layernorm/layernorm.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void layernorm_forward(const LayerNormForward& a) {
  for (int64_t n = 0; n < a.x.rows; ++n) {
    const std::vector<A> x = get_row<A>(a.x, n);
    A mean = 0, variance = 0;
    for (const A value : x) mean += value;
    mean /= static_cast<A>(x.size());
    for (const A value : x) variance += (value - mean) * (value - mean);
    const A deviation = std::sqrt(variance / static_cast<A>(x.size()) + static_cast<A>(a.epsilon));
    for (size_t h = 0; h < x.size(); ++h) {
      const auto column = static_cast<int64_t>(h);
      put<A>(a.y, n, column, (x[h] - mean) / deviation * get<A>(a.weight, 0, column) + get<A>(a.bias, 0, column));
    }
  }
}

CHEEMS_PLAIN(layernorm_forward, LayerNormForward)

}  // namespace cheems::testing::plain
