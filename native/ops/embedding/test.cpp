#include <algorithm>
#include <numeric>

#include "ops/embedding/embedding.h"
#include "testing/cpu.h"
#include "testing/weights.h"

namespace cheems {
namespace {

using namespace testing;

// Rows by token, as the packed tree sorts them.
struct TokenOrder {
  std::vector<int32_t> order, runs;
  explicit TokenOrder(const std::vector<int32_t>& tokens) : order(tokens.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return tokens[static_cast<size_t>(a)] < tokens[static_cast<size_t>(b)];
    });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || tokens[static_cast<size_t>(order[i])] != tokens[static_cast<size_t>(order[i - 1])])
        runs.push_back(static_cast<int32_t>(i));
    }
    runs.push_back(static_cast<int32_t>(order.size()));
  }
};

std::vector<int32_t> random_tokens(int64_t count, int64_t vocab, uint64_t seed) {
  RandomStream random(seed, 1);
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (auto& token : tokens) token = static_cast<int32_t>(random.next() % static_cast<uint64_t>(vocab));
  return tokens;
}

void check_embedding(int64_t rows, int64_t vocab, int64_t columns, DType dtype, float scale) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(std::string(name(dtype)));
  const auto tokens = random_tokens(rows, vocab, 7);
  const TokenOrder by_token(tokens);
  const Weights table(vocab, columns, dtype, random_floats(vocab * columns, 1));
  const auto dy = random_floats(rows * columns, 2), before = random_floats(vocab * columns, 3);
  const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
    Matrix y(rows, columns), upstream(rows, columns, dy), d_table(vocab, columns, before);
    cpu->embedding_forward({.y = y.view(), .table = table.view(), .tokens = tokens, .scale = scale});
    cpu->embedding_backward({.d_table = d_table.view(),
                             .dy = upstream.view(),
                             .tokens = tokens,
                             .token_order = by_token.order,
                             .token_runs = by_token.runs,
                             .scale = scale});
    CHECK((y.guards_hold() && upstream.guards_hold() && d_table.guards_hold()));
    return {y.values(), d_table.values()};
  });
  std::vector<float> y(out[0].size()), plain = before;
  std::vector<double> exact = as<double>(before);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < columns; ++i) {
      const auto at = static_cast<size_t>(row * columns + i),
                 entry = static_cast<size_t>(tokens[static_cast<size_t>(row)] * columns + i);
      y[at] = scale * table.widened()[entry];
      plain[entry] += scale * dy[at];
      exact[entry] += static_cast<double>(scale) * dy[at];
    }
  }
  CHECK(same_bits(out[0], y));
  check_rounding("dtable", kGradients, out[1], plain, exact);
  for (int32_t id = 0; id < vocab; ++id) {  // ids that do not occur keep their bits
    if (std::find(tokens.begin(), tokens.end(), id) != tokens.end()) continue;
    for (int64_t i = id * columns; i < (id + 1) * columns; ++i)
      CHECK(out[1][static_cast<size_t>(i)] == before[static_cast<size_t>(i)]);
  }
}

TEST_CASE("embedding: rows of the table in any dtype; the gradient accumulates on the ids that occur alone") {
  for_each_simd_target([](const std::string&) {
    for (const DType dtype : kEveryDType) {
      check_embedding(1, 1, 1, dtype, 1);
      check_embedding(7, 3, 5, dtype, 1);
      check_embedding(97, 11, 33, dtype, 1);
      check_embedding(65, 200, 31, dtype, 5.656854f);
    }
  });
}

TEST_CASE("embedding: a token that fills the whole batch is summed in row order") {
  const std::vector<int32_t> tokens(301, 2);
  const TokenOrder by_token(tokens);
  const auto dy = random_floats(301, 1);
  float expected = 0;
  for (const float value : dy) expected += value;
  Cpu cpu(5);
  Matrix upstream(301, 1, dy), d_table(4, 1);
  cpu->embedding_backward({.d_table = d_table.view(),
                           .dy = upstream.view(),
                           .tokens = tokens,
                           .token_order = by_token.order,
                           .token_runs = by_token.runs});
  CHECK(d_table.values() == std::vector<float>{0, 0, expected, 0});
}

}  // namespace
}  // namespace cheems
