#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/cpu.h"
#include "testing/plain_backend.h"
#include "testing/relative_case.h"

namespace cheems {
namespace {

using namespace testing;

struct DisentangledInputs {
  std::vector<float> q, k, v, rel_q, rel_k;
  explicit DisentangledInputs(const RelativeCase& c)
      : q(c.numbers(c.queries(), 1)),
        k(c.numbers(c.rows(), 2)),
        v(c.numbers(c.rows(), 3)),
        rel_q(c.numbers(2 * c.side, 4)),
        rel_k(c.numbers(2 * c.side, 5)) {}
};

std::vector<float> run(Operations& operations, const RelativeCase& c, const DisentangledInputs& in) {
  const PackedTree tree = c.tree();
  const std::vector<int32_t> buckets = c.buckets();
  Matrix q(c.queries(), c.columns(), in.q), k(c.rows(), c.columns(), in.k, 7), v(c.rows(), c.columns(), in.v),
      rel_q(2 * c.side, c.columns(), in.rel_q), rel_k(2 * c.side, c.columns(), in.rel_k, 1);
  Matrix context(c.queries(), c.columns());
  operations.disentangled_attention_forward({.context = context.view(),
                                             .q = q.view(),
                                             .k = k.view(),
                                             .v = v.view(),
                                             .rel_q = rel_q.view(),
                                             .rel_k = rel_k.view(),
                                             .buckets = buckets.data(),
                                             .reach = c.reach(),
                                             .tree = &tree,
                                             .first_tokens_only = c.first_tokens_only,
                                             .num_heads = c.num_heads,
                                             .head_size = c.head_size,
                                             .scale = c.scale()});
  for (const Matrix* matrix : {&q, &k, &v, &rel_q, &rel_k, &context}) CHECK(matrix->guards_hold());
  return context.values();
}

WorkspaceRequest request(const RelativeCase& c) {
  return {.longest_path = *std::max_element(c.lengths.begin(), c.lengths.end()),
          .head_size = c.head_size,
          .relative_buckets = 2 * c.side};
}

std::vector<float> run(const RelativeCase& c, const DisentangledInputs& in, int threads = 2) {
  Cpu cpu(threads, request(c));
  return run(*cpu.operator->(), c, in);
}

void check_attention(const RelativeCase& c) {
  CAPTURE(c.head_size);
  CAPTURE(c.side);
  CAPTURE(c.rows());
  CAPTURE(c.first_tokens_only);
  const DisentangledInputs in(c);
  const Outputs out =
      with_any_threads(request(c), [&](Cpu& cpu) -> Outputs { return {run(*cpu.operator->(), c, in)}; });
  check_rounding("context", kOutputs, out[0], run(plain_backend<float>().operations(), c, in),
                 as<double>(run(plain_backend<double>().operations(), c, in)));
}

// Samples shorter and longer than all blocks and buckets, heads of odd sizes.
const std::vector<RelativeCase> kCases = {
    {{1}, 1, 1, 1},         {{1, 2, 3}, 2, 8, 4}, {{47, 1, 48, 49}, 3, 5, 16}, {{131, 7, 64, 65}, 2, 16, 8},
    {{200, 30}, 1, 33, 24}, {{97}, 2, 64, 64}};

TEST_CASE("disentangled attention: every size, target and thread count, of all tokens and of first tokens alone") {
  for_each_simd_target([](const std::string&) {
    for (RelativeCase c : kCases) {
      check_attention(c);
      c.first_tokens_only = true;
      check_attention(c);
    }
    check_attention({{70, 33}, 2, 16, 8, false, 300});  // scores far past exp's range
  });
}

// Beside an own computation that knows the formula alone, in the order of the published code: c2p through one index,
// p2c through another.
TEST_CASE("disentangled attention: one bucket serves both relative terms, as the published code's two indices do") {
  const RelativeCase c{{40}, 1, 6, 8};
  const DisentangledInputs in(c);
  const auto found = run(c, in);
  const auto dot = [](const std::vector<float>& a, int64_t i, const std::vector<float>& b, int64_t j) {
    double sum = 0;
    for (int64_t n = 0; n < 6; ++n)
      sum += static_cast<double>(a[static_cast<size_t>(6 * i + n)]) * b[static_cast<size_t>(6 * j + n)];
    return sum;
  };
  std::vector<double> expected;
  for (int64_t i = 0; i < 40; ++i) {
    std::vector<double> p;
    double sum = 0;
    for (int64_t j = 0; j < 40; ++j) {
      const int64_t content = std::clamp<int64_t>(relative_bucket(c.side, i - j) + 8, 0, 15),
                    position = std::clamp<int64_t>(-relative_bucket(c.side, j - i) + 8, 0, 15);
      p.push_back(
          std::exp((dot(in.q, i, in.k, j) + dot(in.q, i, in.rel_k, content) + dot(in.k, j, in.rel_q, position)) /
                   std::sqrt(18.0)));
      sum += p.back();
    }
    for (int64_t n = 0; n < 6; ++n) {
      double context = 0;
      for (int64_t j = 0; j < 40; ++j)
        context += p[static_cast<size_t>(j)] / sum * in.v[static_cast<size_t>(6 * j + n)];
      expected.push_back(context);
    }
  }
  CHECK(worst_error(found, expected) <= 2e-6);
}

TEST_CASE(
    "disentangled attention: a sample's bits do not depend on the samples beside it, not even on a NaN there; a first "
    "token has its own bits") {
  for_each_simd_target([](const std::string&) {
    const RelativeCase all{{50, 83, 20}, 2, 16, 8}, alone{{83}, 2, 16, 8};
    DisentangledInputs in(all), part(alone), broken = in;
    const auto middle = [&](const std::vector<float>& numbers) {
      return std::vector<float>(numbers.begin() + 50 * 32, numbers.begin() + 133 * 32);
    };
    part.q = middle(in.q), part.k = middle(in.k), part.v = middle(in.v);
    const auto expected = middle(run(all, in));
    CHECK(same_bits(run(alone, part), expected));
    std::fill_n(broken.k.begin(), 50 * 32, NAN);
    std::fill_n(broken.v.begin() + 133 * 32, 20 * 32, NAN);
    CHECK(same_bits(middle(run(all, broken)), expected));
    RelativeCase first = alone;
    first.first_tokens_only = true;
    part.q.resize(32);
    CHECK(same_bits(run(first, part), std::vector<float>(expected.begin(), expected.begin() + 32)));
  });
}

}  // namespace
}  // namespace cheems
