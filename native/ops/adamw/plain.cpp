// The operation in plain loops: the reference for every backend.
#include <cmath>

#include "ops/adamw/adamw.h"
#include "ops/adamw/stochastic_rounding.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

// Stores with stochastic rounding where the tensor is bfloat16; such a tensor is contiguous.
template <class A>
void put_rounded(const Tensor& t, int64_t row, int64_t column, A value, uint32_t random) {
  if (t.dtype != DType::bfloat16) return put<A>(t, row, column, value);
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  static_cast<uint16_t*>(t.data)[row * t.stride + column] = round_stochastically(bits, random);
}

// One element; g is the clipped gradient.
template <class A>
void update_element(const AdamWUpdate& a, int64_t row, int64_t column, A g, bool seen) {
  const Tensor& exact = a.master ? a.master : a.parameter;
  const RoundingBits random =
      rounding_bits(rounding_key(a.seed, a.step), static_cast<uint64_t>(row * a.parameter.columns + column));
  A p = get<A>(exact, row, column) * static_cast<A>(1 - a.learning_rate * a.weight_decay);
  if (seen) {
    const A m = static_cast<A>(a.beta1) * get<A>(a.first_moment, row, column) + static_cast<A>(1 - a.beta1) * g;
    const A v = static_cast<A>(a.beta2) * get<A>(a.second_moment, row, column) + static_cast<A>(1 - a.beta2) * g * g;
    const auto step = static_cast<double>(a.step);
    const A first = m / static_cast<A>(1 - std::pow(a.beta1, step)),
            second = v / static_cast<A>(1 - std::pow(a.beta2, step));
    p -= static_cast<A>(a.learning_rate) * first / (std::sqrt(second) + static_cast<A>(a.epsilon));
    put_rounded<A>(a.first_moment, row, column, m, random.first_moment);
    put_rounded<A>(a.second_moment, row, column, v, random.second_moment);
  }
  if (a.master) {
    put<A>(a.master, row, column, p);
    auto rounded = static_cast<float>(p);
    round_to(DType::bfloat16, &rounded, 1);
    put<A>(a.parameter, row, column, static_cast<A>(rounded));
  } else {
    put_rounded<A>(a.parameter, row, column, p, random.parameter);
  }
}

template <class A>
void adamw_update(const AdamWUpdate& a) {
  const bool finite = !a.squares || std::isfinite(*a.squares);
  const double clip =
      a.squares && a.max_grad_norm > 0 ? std::min(1.0, a.max_grad_norm / (std::sqrt(*a.squares) + 1e-6)) : 1;
  for (int64_t row = 0; row < a.parameter.rows; ++row) {
    for (int64_t column = 0; column < a.parameter.columns; ++column) {
      if (finite)
        update_element<A>(a, row, column, get<A>(a.gradient, row, column) * static_cast<A>(clip),
                          !a.row_seen || a.row_seen[row]);
      put<A>(a.gradient, row, column, 0);
    }
  }
}

CHEEMS_PLAIN(adamw_update, AdamWUpdate)

}  // namespace cheems::testing::plain
