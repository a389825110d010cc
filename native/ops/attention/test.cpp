#include <cmath>

#include "ops/attention/attention.h"
#include "testing/cpu.h"
#include "testing/gradient_check.h"
#include "testing/trees.h"

namespace cheems {
namespace {

using namespace testing;

struct Problem {
  PackedTree tree;
  AttentionShape shape;
  std::vector<int32_t> query_rows;  // empty: all
  std::vector<int32_t> queries() const { return query_rows.empty() ? ids(0, tree.rows()) : query_rows; }
  int64_t query_count() const { return query_rows.empty() ? tree.rows() : static_cast<int64_t>(query_rows.size()); }
  int64_t q_columns() const { return shape.num_heads * shape.head_size; }
  int64_t k_columns() const { return shape.num_key_value_heads * shape.head_size; }
  int64_t q_size() const { return query_count() * q_columns(); }
  int64_t k_size() const { return tree.rows() * k_columns(); }
};

template <class Real>
struct Inputs {
  std::vector<Real> q, k, v, d_context;
  template <class Other>
  Inputs<Other> in() const {
    return {as<Other>(q), as<Other>(k), as<Other>(v), as<Other>(d_context)};
  }
};

Inputs<float> random_inputs(const Problem& p) {
  return {random_floats(p.q_size(), 1), random_floats(p.k_size(), 2), random_floats(p.k_size(), 3),
          random_floats(p.q_size(), 4)};
}

template <class Real>
struct Results {
  std::vector<Real> context, log_sum_exp, dq, dk, dv;
};

template <class Real>
Real dot(const std::vector<Real>& a, size_t at_a, const std::vector<Real>& b, size_t at_b, int64_t size) {
  Real sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(size); ++i) sum += a[at_a + i] * b[at_b + i];
  return sum;
}

// One query of one head over the rows that it sees.
template <class Real>
void one_query(const AttentionShape& shape, const Inputs<Real>& in, const std::vector<size_t>& keys, size_t q,
               size_t lse, Results<Real>& out) {
  const auto size = static_cast<size_t>(shape.head_size);
  const Real scale = shape.scale, cap = shape.soft_cap;
  std::vector<Real> scores, slopes;
  Real max = -INFINITY, sum = 0;
  for (const size_t key : keys) {
    Real score = scale * dot(in.q, q, in.k, key, shape.head_size), slope = 1;
    if (cap > 0) {
      const Real t = std::tanh(score / cap);
      score = cap * t, slope = 1 - t * t;
    }
    scores.push_back(score), slopes.push_back(slope);
    max = std::max(max, score);
  }
  for (Real& score : scores) sum += score = std::exp(score - max);
  for (size_t j = 0; j < keys.size(); ++j) {
    for (size_t i = 0; i < size; ++i) out.context[q + i] += scores[j] / sum * in.v[keys[j] + i];
  }
  out.log_sum_exp[lse] = max + std::log(sum);
  const Real pull = dot(in.d_context, q, out.context, q, shape.head_size);
  for (size_t j = 0; j < keys.size(); ++j) {
    const Real probability = scores[j] / sum,
               d_score =
                   probability * (dot(in.d_context, q, in.v, keys[j], shape.head_size) - pull) * slopes[j] * scale;
    for (size_t i = 0; i < size; ++i) {
      out.dq[q + i] += d_score * in.k[keys[j] + i];
      out.dk[keys[j] + i] += d_score * in.q[q + i];
      out.dv[keys[j] + i] += probability * in.d_context[q + i];
    }
  }
}

// Plain causal attention of every query over its own path, as if it stood there unshared.
template <class Real>
Results<Real> attention(const Problem& p, const Inputs<Real>& in) {
  const AttentionShape& shape = p.shape;
  Results<Real> out{std::vector<Real>(in.q.size()),
                    std::vector<Real>(static_cast<size_t>(p.query_count() * shape.num_heads)),
                    std::vector<Real>(in.q.size()), std::vector<Real>(in.k.size()), std::vector<Real>(in.k.size())};
  const auto queries = p.queries();
  for (size_t n = 0; n < queries.size(); ++n) {
    const auto path = path_to(p.tree, queries[n]);
    const size_t first = shape.window > 0 && static_cast<int64_t>(path.size()) > shape.window
                             ? path.size() - static_cast<size_t>(shape.window)
                             : 0;
    for (int64_t head = 0; head < shape.num_heads; ++head) {
      std::vector<size_t> keys;
      for (size_t j = first; j < path.size(); ++j)
        keys.push_back(static_cast<size_t>(path[j] * p.k_columns() +
                                           head / (shape.num_heads / shape.num_key_value_heads) * shape.head_size));
      one_query(shape, in, keys, n * static_cast<size_t>(p.q_columns()) + static_cast<size_t>(head * shape.head_size),
                n * static_cast<size_t>(shape.num_heads) + static_cast<size_t>(head), out);
    }
  }
  return out;
}

WorkspaceRequest request(const Problem& p) {
  return {.longest_path = p.tree.longest_path,
          .num_heads = p.shape.num_heads,
          .num_key_value_heads = p.shape.num_key_value_heads,
          .head_size = p.shape.head_size,
          .rows = p.tree.rows(),
          .backward = true};
}

Results<float> run(Cpu& cpu, const Problem& p, const Inputs<float>& in) {
  const int64_t count = p.query_count(), rows = p.tree.rows();
  Matrix q(count, p.q_columns(), in.q), k(rows, p.k_columns(), in.k, 7), v(rows, p.k_columns(), in.v),
      d(count, p.q_columns(), in.d_context, 1);
  Matrix context(count, p.q_columns()), lse(count, p.shape.num_heads), unused(count, p.q_columns());
  Matrix dq(count, p.q_columns(), in.q), dk(rows, p.k_columns(), in.k),
      dv(rows, p.k_columns(), in.v);  // old numbers, to be overwritten
  cpu->attention_forward({.context = context.view(),
                          .log_sum_exp = lse.view(),
                          .q = q.view(),
                          .k = k.view(),
                          .v = v.view(),
                          .tree = &p.tree,
                          .query_rows = p.query_rows,
                          .shape = p.shape});
  cpu->attention_forward({.context = unused.view(),
                          .log_sum_exp = {},
                          .q = q.view(),
                          .k = k.view(),
                          .v = v.view(),
                          .tree = &p.tree,
                          .query_rows = p.query_rows,
                          .shape = p.shape});
  CHECK(same_bits(unused.values(), context.values()));
  cpu->attention_backward({.dq = dq.view(),
                           .dk = dk.view(),
                           .dv = dv.view(),
                           .d_context = d.view(),
                           .context = context.view(),
                           .log_sum_exp = lse.view(),
                           .q = q.view(),
                           .k = k.view(),
                           .v = v.view(),
                           .tree = &p.tree,
                           .query_rows = p.query_rows,
                           .shape = p.shape});
  for (const Matrix* matrix : {&q, &k, &v, &d, &context, &lse, &dq, &dk, &dv}) CHECK(matrix->guards_hold());
  return {context.values(), lse.values(), dq.values(), dk.values(), dv.values()};
}

PackedTree tree_of(const OwnedSamples& samples, bool share = true) {
  return pack_tree(samples.view(), all_samples(samples), share);
}

TEST_CASE("attention: the reference's gradient is that of finite differences, with groups, windows and a soft cap") {
  OwnedSamples samples;
  for (const auto& tail : {ids(100, 3), ids(200, 2)}) samples.add(joined(ids(0, 2), tail), 0);
  for (const int64_t window : {0, 2}) {
    for (const float cap : {0.0f, 1.5f}) {
      const Problem p{tree_of(samples), {4, 2, 2, window, 0.7f, cap}, {}};
      const auto in = random_inputs(p).in<double>();
      const auto out = attention(p, in);
      const auto f = [&](std::vector<double> Inputs<double>::*which) {
        return [&, which](const std::vector<double>& at) {
          auto moved = in;
          moved.*which = at;
          return weighed(attention(p, moved).context, in.d_context);
        };
      };
      check_gradient("dq", out.dq, in.q, f(&Inputs<double>::q));
      check_gradient("dk", out.dk, in.k, f(&Inputs<double>::k));
      check_gradient("dv", out.dv, in.v, f(&Inputs<double>::v));
    }
  }
}

void check_attention(const Problem& p) {
  CAPTURE(p.shape.num_heads);
  CAPTURE(p.shape.num_key_value_heads);
  CAPTURE(p.shape.head_size);
  CAPTURE(p.shape.window);
  CAPTURE(p.shape.soft_cap);
  CAPTURE(p.query_count());
  const auto in = random_inputs(p);
  const Outputs out = with_any_threads(request(p), [&](Cpu& cpu) -> Outputs {
    auto results = run(cpu, p, in);
    return {results.context, results.log_sum_exp, results.dq, results.dk, results.dv};
  });
  const auto plain = attention(p, in);
  const auto exact = attention(p, in.in<double>());
  check_products("context", kOutputs, out[0], plain.context, exact.context);
  check_products("log_sum_exp", kOutputs, out[1], plain.log_sum_exp, exact.log_sum_exp);
  // A query that sees itself alone has dP = D exactly, and their difference is the rounding of both.
  // In bfloat16 so has a head of one channel: nothing averages the rounding of dP, which D does not share.
  const bool cancels = p.shape.window == 1 || (tested_precision() == DType::bfloat16 && p.shape.head_size == 1);
  const double canceling = cancels ? std::sqrt(p.shape.head_size) * largest(exact.dv) : 0;
  check_products("dq", kGradients, out[2], plain.dq, exact.dq, canceling);
  check_products("dk", kGradients, out[3], plain.dk, exact.dk, canceling);
  check_products("dv", kGradients, out[4], plain.dv, exact.dv);
}

// Query heads, key/value heads, head size, window, scale, soft cap.
const std::vector<AttentionShape> kShapes = {{1, 1, 1, 0, 1, 0},      {4, 2, 16, 0, 0.25f, 0},  {3, 1, 5, 7, 0.4f, 0},
                                             {2, 2, 33, 1, 0.2f, 0},  {2, 1, 64, 0, 0.125f, 3}, {2, 1, 6, 40, 0.4f, 2},
                                             {1, 1, 8, 1000, 0.3f, 0}};

TEST_CASE("attention: deep trees under every shape, target and thread count") {
  for_each_arithmetic([](const std::string&) {
    for (const auto& shape : kShapes) check_attention({tree_of(deep_samples()), shape, {}});
  });
}

TEST_CASE("attention: queries of the reward rows alone, of one row, and segments without any") {
  for_each_arithmetic([](const std::string&) {
    for (const auto& shape : {kShapes[1], kShapes[2], kShapes[5]}) {
      const PackedTree tree = tree_of(deep_samples());
      const Problem all{tree, shape, {}}, rewards{tree, shape, tree.reward_rows},
          one{tree, shape, {tree.reward_rows[2]}}, odd{tree, shape, {0, 3, 36, 37, 80, tree.segments.back().begin}};
      Cpu cpu(2, request(all));
      const auto in = random_inputs(all);
      const auto whole = run(cpu, all, in);
      for (const Problem* p : {&rewards, &one, &odd}) {
        check_attention(*p);
        // The same bits as among all queries.
        Inputs<float> some{{}, in.k, in.v, std::vector<float>(static_cast<size_t>(p->q_size()))};
        std::vector<float> expected;
        for (const int32_t row : p->query_rows) {
          const auto columns = static_cast<std::ptrdiff_t>(p->q_columns());
          some.q.insert(some.q.end(), in.q.begin() + row * columns, in.q.begin() + (row + 1) * columns);
          expected.insert(expected.end(), whole.context.begin() + row * columns,
                          whole.context.begin() + (row + 1) * columns);
        }
        CHECK(same_bits(run(cpu, *p, some).context, expected));
      }
    }
  });
}

TEST_CASE("attention: sharing changes no bit of the forward pass; shared gradients are the sums over the copies") {
  for_each_arithmetic([](const std::string&) {
    const OwnedSamples samples = deep_samples();
    for (const auto& shape : {kShapes[1], kShapes[2], kShapes[4]}) {
      const Problem shared{tree_of(samples), shape, {}}, apart{tree_of(samples, false), shape, {}};
      const auto shared_rows = sample_rows(shared.tree), apart_rows = sample_rows(apart.tree);
      auto in = random_inputs(shared), copies = random_inputs(apart);
      std::fill(in.d_context.begin(), in.d_context.end(), 0.0f);
      const auto each = [&](auto visit) {
        for (size_t s = 0; s < shared_rows.size(); ++s) {
          REQUIRE(shared_rows[s].size() == apart_rows[s].size());
          for (size_t i = 0; i < shared_rows[s].size(); ++i) visit(shared_rows[s][i], apart_rows[s][i]);
        }
      };
      const auto columns_of = [](std::vector<float>& matrix, int32_t row, int64_t columns) {
        return matrix.begin() + row * columns;
      };
      each([&](int32_t from, int32_t to) {
        std::copy_n(columns_of(in.q, from, shared.q_columns()), shared.q_columns(),
                    columns_of(copies.q, to, shared.q_columns()));
        std::copy_n(columns_of(in.k, from, shared.k_columns()), shared.k_columns(),
                    columns_of(copies.k, to, shared.k_columns()));
        std::copy_n(columns_of(in.v, from, shared.k_columns()), shared.k_columns(),
                    columns_of(copies.v, to, shared.k_columns()));
        for (int64_t c = 0; c < shared.q_columns(); ++c)
          columns_of(in.d_context, from, shared.q_columns())[c] +=
              columns_of(copies.d_context, to, shared.q_columns())[c];
      });
      Cpu cpu(2, request(shared)), other(2, request(apart));
      auto together = run(other, shared, in), alone = run(other, apart, copies);
      Results<double> sums{{},
                           {},
                           std::vector<double>(together.dq.size()),
                           std::vector<double>(together.dk.size()),
                           std::vector<double>(together.dv.size())};
      int different = 0;
      each([&](int32_t from, int32_t to) {
        different += !std::equal(columns_of(together.context, from, shared.q_columns()),
                                 columns_of(together.context, from + 1, shared.q_columns()),
                                 columns_of(alone.context, to, shared.q_columns()));
        different += !std::equal(columns_of(together.log_sum_exp, from, shape.num_heads),
                                 columns_of(together.log_sum_exp, from + 1, shape.num_heads),
                                 columns_of(alone.log_sum_exp, to, shape.num_heads));
        for (int64_t c = 0; c < shared.q_columns(); ++c)
          sums.dq[static_cast<size_t>(from * shared.q_columns() + c)] +=
              columns_of(alone.dq, to, shared.q_columns())[c];
        for (int64_t c = 0; c < shared.k_columns(); ++c) {
          sums.dk[static_cast<size_t>(from * shared.k_columns() + c)] +=
              columns_of(alone.dk, to, shared.k_columns())[c];
          sums.dv[static_cast<size_t>(from * shared.k_columns() + c)] +=
              columns_of(alone.dv, to, shared.k_columns())[c];
        }
      });
      CHECK(different == 0);
      const std::vector<float> none;
      for (const auto& [what, found, sum] :
           {std::tuple{"dq", &together.dq, &sums.dq}, {"dk", &together.dk, &sums.dk}, {"dv", &together.dv, &sums.dv}}) {
        // In bfloat16 the copies' terms were rounded one by one.
        if (tested_precision() == DType::bfloat16) check_products(what, kGradients, *found, none, *sum);
        else CHECK(worst_error(*found, *sum) <= 2e-6 * largest(*sum));
      }
    }
  });
}

TEST_CASE("attention: tokens that a query does not see cannot change its bits, not even as NaN in another branch") {
  for_each_arithmetic([](const std::string&) {
    const Problem p{tree_of(deep_samples()), kShapes[1], {}};
    const auto in = random_inputs(p);
    Cpu cpu(2, request(p));
    const auto before = run(cpu, p, in);
    for (const int32_t query : {0, 5, 36, 50, 90, 200}) {
      const auto path = path_to(p.tree, query);
      auto changed = in;
      for (int32_t row = 0; row < p.tree.rows(); ++row) {
        if (std::find(path.begin(), path.end(), row) != path.end()) continue;
        for (int64_t c = 0; c < p.k_columns(); ++c)
          changed.k[static_cast<size_t>(row * p.k_columns() + c)] = 1e3f,
                                                              changed.v[static_cast<size_t>(row * p.k_columns() + c)] =
                                                                  -1e30f;
      }
      const auto after = run(cpu, p, changed);
      CHECK(std::equal(before.context.begin() + query * p.q_columns(),
                       before.context.begin() + (query + 1) * p.q_columns(),
                       after.context.begin() + query * p.q_columns()));
    }
    const Segment leaf = p.tree.segments.back();
    auto broken = in;
    std::fill_n(broken.k.begin() + leaf.begin * p.k_columns(), leaf.length * p.k_columns(), NAN);
    std::fill_n(broken.v.begin() + leaf.begin * p.k_columns(), leaf.length * p.k_columns(), NAN);
    const auto after = run(cpu, p, broken);
    CHECK(
        std::equal(before.context.begin(), before.context.begin() + leaf.begin * p.q_columns(), after.context.begin()));
    CHECK(std::all_of(after.context.begin() + leaf.begin * p.q_columns(), after.context.end(),
                      [](float x) { return std::isnan(x); }));
  });
}

TEST_CASE(
    "attention: over a cache whose rows lie anywhere the bits are those of the packed tree, whatever the rows between "
    "hold") {
  for_each_arithmetic([](const std::string&) {
    const PackedTree packed = tree_of(deep_samples());
    const std::vector<int32_t> everything = ids(0, packed.rows()), odd{0, 3, 36, 37, 80, packed.segments.back().begin};
    for (const auto& shape : kShapes) {
      const Problem all{packed, shape, {}};
      const auto in = random_inputs(all);
      Cpu cpu(2, request(all));
      const auto whole = run(cpu, all, in);
      for (const auto& new_rows : {everything, packed.reward_rows, odd}) {
        const CachedTree cached = in_cache(packed, new_rows);
        const auto count = static_cast<int64_t>(new_rows.size()), columns = all.q_columns();
        std::vector<float> q, expected;
        for (const int32_t row : cached.query_order) {
          q.insert(q.end(), in.q.begin() + row * columns, in.q.begin() + (row + 1) * columns);
          expected.insert(expected.end(), whole.context.begin() + row * columns,
                          whole.context.begin() + (row + 1) * columns);
        }
        Matrix queries(count, columns, q), context(count, columns);
        Matrix k(cached.rows, all.k_columns(), cache_of(cached, in.k, all.k_columns(), NAN), 2),
            v(cached.rows, all.k_columns(), cache_of(cached, in.v, all.k_columns(), NAN));
        cpu->attention_forward({.context = context.view(),
                                .log_sum_exp = {},
                                .q = queries.view(),
                                .k = k.view(),
                                .v = v.view(),
                                .tree = &cached.tree,
                                .query_rows = cached.tree.cache_rows,
                                .shape = shape});
        CHECK(same_bits(context.values(), expected));
      }
    }
  });
}

TEST_CASE("attention: scores far past exp's range stay finite and correct") {
  for_each_simd_target([](const std::string&) {
    check_attention({tree_of(deep_samples()), {2, 1, 16, 0, 40, 0}, {}});
  });
}

}  // namespace
}  // namespace cheems
