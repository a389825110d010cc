#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/expert_rows/expert_rows.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

struct ExpertRowsCase {
  int64_t tokens, k, columns;
  std::vector<int32_t> rows, places;

  // `step` and tokens * k have no common divisor: the places are a permutation.
  ExpertRowsCase(int64_t tokens_, int64_t k_, int64_t columns_, int64_t step)
      : tokens(tokens_), k(k_), columns(columns_), rows(static_cast<size_t>(tokens_ * k_)) {
    for (int64_t i = 0; i < tokens * k; ++i) {
      places.push_back(static_cast<int32_t>(i * step % (tokens * k)));
      rows[static_cast<size_t>(places.back())] = static_cast<int32_t>(i / k);
    }
  }
  std::vector<float> weights() const {
    auto weights = random_floats(tokens * k, 2);
    for (float& weight : weights) weight = std::abs(weight);
    return weights;
  }
};

TEST_CASE(
    "cuda expert_rows: gathered to the bit, combined with float32 weights onto the residual, beside it and in its "
    "place") {
  for (const ExpertRowsCase& c : {ExpertRowsCase(1, 1, 1, 1), ExpertRowsCase(9, 2, 7, 5), ExpertRowsCase(5, 3, 64, 7),
                                  ExpertRowsCase(17, 2, 97, 5), ExpertRowsCase(4, 2, 1096, 3)}) {
    CAPTURE(c.tokens);
    CAPTURE(c.columns);
    const auto residual_values = random_floats(c.tokens * c.columns, 3);
    check_operation({.widest_row = c.columns, .rows = c.tokens}, [&](Site& site) -> OutputList {
      const Tensor x = site.activations(c.tokens, c.columns, random_floats(c.tokens * c.columns, 1)),
                   gathered = site.activations(c.tokens * c.k, c.columns, {}, 5);
      const Tensor results = site.activations(c.tokens * c.k, c.columns, random_floats(c.tokens * c.k * c.columns, 4)),
                   weights = site.floats(c.tokens, c.k, c.weights());
      const Tensor residual = site.activations(c.tokens, c.columns, residual_values),
                   y = site.activations(c.tokens, c.columns);
      const int32_t *rows = site.integers(c.rows), *places = site.integers(c.places);
      site->gather_expert_rows({.y = gathered, .x = x, .rows = rows});
      site->combine_expert_rows({.y = y, .x = results, .weights = weights, .places = places, .residual = residual});
      site->combine_expert_rows(
          {.y = residual, .x = results, .weights = weights, .places = places, .residual = residual});
      CHECK(same_bits(site.values(residual), site.values(y)));
      const Values from = site.values(x), got = site.values(gathered);
      for (size_t i = 0; i < c.rows.size(); ++i) {
        const auto begin = from.numbers.begin() + c.rows[i] * c.columns;
        CHECK(std::equal(begin, begin + c.columns, got.numbers.begin() + static_cast<int64_t>(i) * c.columns));
      }
      return {{"gathered", got, kOutputs}, {"combined", site.values(y), kOutputs}};
    });
  }
}

TEST_CASE("cuda expert_rows: nothing to do") {
  Site site(device_backend(), {}, {}, {});
  const Tensor none = site.activations(0, 8);
  site->gather_expert_rows({.y = none, .x = none, .rows = nullptr});
  site->combine_expert_rows({.y = none, .x = none, .weights = site.floats(0, 2), .places = nullptr, .residual = none});
  CHECK(site.guards_hold());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses
TEST_CASE("cuda expert_rows: the traffic is the floor's") {
  const ExpertRowsCase c(6, 2, 896, 5);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    Site site(device_backend(), {}, {dtype, dtype}, {dtype, dtype}, Placement::aligned);
    const Tensor x = site.activations(c.tokens, c.columns, random_floats(c.tokens * c.columns, 1)),
                 gathered = site.activations(c.tokens * c.k, c.columns);
    const Tensor weights = site.floats(c.tokens, c.k, c.weights());
    const int32_t *rows = site.integers(c.rows), *places = site.integers(c.places);
    const cuda_on_cpu::TrafficScope traffic;
    site->gather_expert_rows({.y = gathered, .x = x, .rows = rows});
    site->combine_expert_rows({.y = x, .x = gathered, .weights = weights, .places = places, .residual = x});
    const int64_t matrix = c.tokens * c.columns * static_cast<int64_t>(size_of(dtype));
    const auto within = [](int64_t moved, int64_t floor) {
      return moved >= floor && static_cast<double>(moved) <= 1.25 * static_cast<double>(floor);
    };
    CHECK(within(traffic.of("gather_expert_rows").sector_bytes(), 2 * c.k * matrix));
    CHECK(within(traffic.of("combine_expert_rows").sector_bytes(), (c.k + 2) * matrix));
  }
}
#endif

}  // namespace
}  // namespace cheems
