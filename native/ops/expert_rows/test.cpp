#include "ops/expert_rows/expert_rows.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

template <class Real>
std::vector<Real> combined(int64_t columns, int64_t k, const std::vector<Real>& x, const std::vector<Real>& weights,
                           const std::vector<int32_t>& places, const std::vector<Real>& residual) {
  std::vector<Real> y = residual;
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t n = i / static_cast<size_t>(columns), column = i % static_cast<size_t>(columns);
    Real sum = 0;
    for (size_t c = n * static_cast<size_t>(k); c < (n + 1) * static_cast<size_t>(k); ++c)
      sum += weights[c] * x[static_cast<size_t>(places[c] * columns) + column];
    y[i] += sum;
  }
  return y;
}

TEST_CASE("expert_rows: gathered rows are the matrix's to the bit") {
  const std::vector<int32_t> rows = {16, 0, 5, 0, 3, 16};
  for (const int64_t columns : {1, 7, 33, 97}) {
    const auto x = random_floats(17 * columns, 1);
    Cpu cpu(2);
    Matrix from(17, columns, x), to(6, columns, {}, 5);
    cpu->gather_expert_rows({.y = to.view(), .x = from.view(), .rows = rows.data()});
    std::vector<float> expected;
    for (const int32_t row : rows)
      expected.insert(expected.end(), x.begin() + row * columns, x.begin() + (row + 1) * columns);
    CHECK(same_bits(to.values(), expected));
    CHECK((from.guards_hold() && to.guards_hold()));
  }
}

TEST_CASE(
    "expert_rows: combined in the order of the choices, beside the residual and in its place, every target and thread "
    "count") {
  for_each_simd_target([](const std::string&) {
    for (const int64_t k : {1, 2, 5}) {
      for (const int64_t columns : {1, 7, 64, 97}) {
        CAPTURE(k);
        CAPTURE(columns);
        const int64_t tokens = 37;
        std::vector<int32_t> places;
        for (int64_t i = 0; i < tokens * k; ++i)
          places.push_back(static_cast<int32_t>(i * 113 % (tokens * k)));  // 113 divides no such product: a permutation
        const auto x = random_floats(tokens * k * columns, 1), residual = random_floats(tokens * columns, 3);
        auto weights = random_floats(tokens * k, 2);
        for (float& weight : weights) weight = std::abs(weight);
        const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
          Matrix in(tokens * k, columns, x), w(tokens, k, weights), r(tokens, columns, residual),
              y(tokens, columns, {}, 1);
          cpu->combine_expert_rows(
              {.y = y.view(), .x = in.view(), .weights = w.view(), .places = places.data(), .residual = r.view()});
          cpu->combine_expert_rows(
              {.y = r.view(), .x = in.view(), .weights = w.view(), .places = places.data(), .residual = r.view()});
          CHECK(same_bits(r.values(), y.values()));
          for (const Matrix* matrix : {&in, &w, &r, &y}) CHECK(matrix->guards_hold());
          return {y.values()};
        });
        const auto plain = combined(columns, k, x, weights, places, residual);
        const auto exact = combined(columns, k, as<double>(x), as<double>(weights), places, as<double>(residual));
        check_rounding("y", kOutputs, out[0], plain, exact);
      }
    }
  });
}

}  // namespace
}  // namespace cheems
