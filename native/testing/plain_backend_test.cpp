// Compares the plain loops with the CPU's operations, which ops/*/test.cpp verify by float64 references and finite
// differences.
#include <cmath>
#include <cstdint>

#include "ops/adamw/adamw.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/gated_mlp/gated_mlp.h"
#include "ops/grad_norm/grad_norm.h"
#include "ops/linear/linear.h"
#include "ops/ranking_loss/ranking_loss.h"
#include "ops/reward_head/reward_head.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/rows/rows.h"
#include "testing/operation_check.h"
#include "testing/trees.h"

namespace cheems {
namespace {

using namespace testing;

PackedTree deep_tree() {
  const OwnedSamples samples = deep_samples();
  return pack_tree(samples.view(), all_samples(samples), true);
}

// Compares the CPU's operation with the plain loop in double, and the plain loop in float32 with it too: the rule of
// operation_check.h would let a wrong plain loop in float32 pass if the loop in double were right.
template <class Run>
void check_plain(const WorkspaceRequest& request, Run run) {
  check_operation_on(cpu_backend(2), request, run, {.cpu = false});
  const OutputList plain = outputs_on(plain_backend<float>(), request, {}, {}, Placement::aligned, run);
  const OutputList truth = outputs_on(plain_backend<double>(), request, {}, {}, Placement::ragged, run);
  const Precision half{DType::bfloat16, DType::bfloat16};
  const OutputList rounded = outputs_on(plain_backend<float>(), request, half, half, Placement::ragged, run);
  const OutputList rounded_truth = outputs_on(plain_backend<double>(), request, {}, half, Placement::ragged, run);
  for (size_t i = 0; i < truth.size(); ++i) {
    const std::string output = truth[i].name;
    CAPTURE(output);
    CHECK(worst_error(plain[i].values.numbers, truth[i].values.numbers) <=
          2e-5 * std::max(1e-3, largest(truth[i].values.numbers)));
    CHECK(worst_error(rounded[i].values.numbers, rounded_truth[i].values.numbers) <=
          4 * 0x1p-8 * std::max(1e-3, largest(rounded_truth[i].values.numbers)));
  }
}

TEST_CASE("plain loops: embedding") {
  const PackedTree tree = deep_tree();
  const int64_t rows = tree.rows(), columns = 19, vocab = 1000;
  check_plain({.rows = rows}, [&](Site& site) -> OutputList {
    const Tensor y = site.activations(rows, columns),
                 dy = site.activations(rows, columns, random_floats(rows * columns, 1));
    const Tensor table = site.weights(vocab, columns, random_floats(vocab * columns, 2));
    const Tensor d_table = site.gradient(vocab, columns, random_floats(vocab * columns, 3));
    site.begin(tree);
    site->embedding_forward({.y = y, .table = table, .tokens = tree.tokens, .scale = 3});
    site->embedding_backward({.d_table = d_table,
                              .dy = dy,
                              .tokens = tree.tokens,
                              .token_order = tree.token_order,
                              .token_runs = tree.token_runs,
                              .scale = 3});
    return {{"y", site.values(y), kOutputs}, {"d_table", site.values(d_table), kGradients}};
  });
}

TEST_CASE("plain loops: rmsnorm") {
  for (const bool before_head : {false, true}) {
    for (const float offset : {0.0f, 1.0f}) {
      const int64_t rows = 21, columns = 37;
      check_plain({.widest_row = columns, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
        const auto like_y = [&](const std::vector<float>& values) {
          return before_head ? site.floats(rows, columns, values) : site.activations(rows, columns, values);
        };
        const Tensor x = site.activations(rows, columns, random_floats(rows * columns, 1)),
                     weight = site.vector(random_floats(columns, 2));
        const Tensor y = like_y({}), again = like_y({}), r = site.vector(rows),
                     dy = like_y(random_floats(rows * columns, 3));
        const Tensor dx = site.activations(rows, columns, random_floats(rows * columns, 4)),
                     d_weight = site.vector(random_floats(columns, 5));
        site->rmsnorm_forward(
            {.y = y, .inverse_rms = r, .x = x, .weight = weight, .epsilon = 1e-5f, .weight_offset = offset});
        site->rmsnorm_apply({.y = again, .x = x, .inverse_rms = r, .weight = weight, .weight_offset = offset});
        CHECK(same_bits(site.values(y), site.values(again)));
        site->rmsnorm_backward({.dx = dx,
                                .d_weight = d_weight,
                                .dy = dy,
                                .x = x,
                                .inverse_rms = r,
                                .weight = weight,
                                .weight_offset = offset});
        return {{"y", site.values(y), kOutputs},
                {"inverse_rms", site.values(r), kOutputs},
                {"dx", site.values(dx), kGradients},
                {"d_weight", site.values(d_weight), kGradients}};
      });
    }
  }
}

TEST_CASE("plain loops: rmsnorm at the end of a branch, beside its residual and in its place") {
  const int64_t rows = 9, columns = 37;
  check_plain({.widest_row = columns, .rows = rows}, [&](Site& site) -> OutputList {
    const Tensor x = site.activations(rows, columns, random_floats(rows * columns, 1)),
                 weight = site.vector(random_floats(columns, 2));
    const Tensor y = site.activations(rows, columns), r = site.vector(rows);
    const Tensor residual = site.activations(rows, columns, random_floats(rows * columns, 3));
    site->rmsnorm_forward({.y = y,
                           .inverse_rms = r,
                           .x = x,
                           .weight = weight,
                           .epsilon = 1e-5f,
                           .weight_offset = 1,
                           .residual = residual});
    site->rmsnorm_forward({.y = residual,
                           .inverse_rms = r,
                           .x = x,
                           .weight = weight,
                           .epsilon = 1e-5f,
                           .weight_offset = 1,
                           .residual = residual});
    CHECK(same_bits(site.values(y), site.values(residual)));
    return {{"y", site.values(y), kOutputs}};
  });
}

TEST_CASE("plain loops: linear") {
  const int64_t rows = 17, in = 31, out = 23;
  for (const bool full : {false, true}) {
    check_plain({.widest_row = in, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
      const Tensor x = site.activations(rows, in, random_floats(rows * in, 1)),
                   weight = site.weights(out, in, random_floats(out * in, 2));
      const Tensor bias = site.vector(random_floats(out, 3));
      const Tensor y = site.activations(rows, out),
                   residual = site.activations(rows, out, random_floats(rows * out, 4));
      const Tensor dy = site.activations(rows, out, random_floats(rows * out, 5));
      const Tensor dx = site.activations(rows, in, full ? random_floats(rows * in, 6) : std::vector<float>());
      const Tensor d_weight = site.gradient(out, in, random_floats(out * in, 7)),
                   d_bias = site.vector(random_floats(out, 8));
      site->linear_forward({.y = y,
                            .x = x,
                            .weight = weight,
                            .bias = full ? ConstTensor(bias) : ConstTensor(),
                            .residual = full ? ConstTensor(residual) : ConstTensor()});
      site->linear_backward_input({.dx = dx, .dy = dy, .weight = weight, .accumulate = full});
      site->linear_backward_weight({.d_weight = d_weight, .d_bias = full ? d_bias : Tensor(), .dy = dy, .x = x});
      return {{"y", site.values(y), kOutputs},
              {"dx", site.values(dx), kGradients},
              {"d_weight", site.values(d_weight), kGradients},
              {"d_bias", site.values(d_bias), kGradients}};
    });
  }
}

TEST_CASE("plain loops: rope, with and without the heads' norm") {
  const int64_t heads = 3, head_size = 10, rows = 29, positions = 29, columns = heads * head_size;
  std::vector<float> cosine, sine;
  for (int64_t i = 0; i < positions * head_size / 2; ++i) {
    cosine.push_back(static_cast<float>(std::cos(0.37 * static_cast<double>(i))));
    sine.push_back(static_cast<float>(std::sin(0.37 * static_cast<double>(i))));
  }
  PackedTree tree = deep_tree();
  tree.positions.resize(static_cast<size_t>(rows));
  for (const bool normed : {false, true}) {
    check_plain({.widest_row = columns, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
      const Tensor x = site.activations(rows, columns, random_floats(rows * columns, 1)),
                   y = site.activations(rows, columns);
      const Tensor dy = site.activations(rows, columns, random_floats(rows * columns, 2));
      const Tensor dx = site.activations(rows, columns), cos_table = site.floats(positions, head_size / 2, cosine, 0);
      const Tensor sin_table = site.floats(positions, head_size / 2, sine, 0);
      const Tensor weight = site.vector(random_floats(head_size, 3)),
                   d_weight = site.vector(random_floats(head_size, 4));
      const ConstTensor norm_weight = normed ? ConstTensor(weight) : ConstTensor();
      site.begin(tree);
      site->rope_forward({.y = y,
                          .x = x,
                          .head_size = head_size,
                          .positions = tree.positions,
                          .cosine = cos_table,
                          .sine = sin_table,
                          .norm_weight = norm_weight,
                          .epsilon = 1e-5f,
                          .weight_offset = 1});
      site->rope_backward({.dx = dx,
                           .d_norm_weight = normed ? d_weight : Tensor(),
                           .dy = dy,
                           .x = x,
                           .head_size = head_size,
                           .positions = tree.positions,
                           .cosine = cos_table,
                           .sine = sin_table,
                           .norm_weight = norm_weight,
                           .epsilon = 1e-5f,
                           .weight_offset = 1});
      return {{"y", site.values(y), kOutputs},
              {"dx", site.values(dx), kGradients},
              {"d_norm_weight", site.values(d_weight), kGradients}};
    });
  }
}

void check_plain_attention(const AttentionShape& s, bool reward_rows) {
  const PackedTree tree = deep_tree();
  const std::vector<int32_t> query_rows = reward_rows ? tree.reward_rows : std::vector<int32_t>();
  const int64_t rows = tree.rows(), queries = reward_rows ? static_cast<int64_t>(query_rows.size()) : rows,
                q_columns = s.num_heads * s.head_size;
  const int64_t k_columns = s.num_key_value_heads * s.head_size;
  CAPTURE(s.window);
  CAPTURE(s.soft_cap);
  CAPTURE(reward_rows);
  check_plain({.longest_path = tree.longest_path,
               .num_heads = s.num_heads,
               .num_key_value_heads = s.num_key_value_heads,
               .head_size = s.head_size,
               .rows = rows,
               .backward = true},
              [&](Site& site) -> OutputList {
                const Tensor q = site.activations(queries, q_columns, random_floats(queries * q_columns, 1));
                const Tensor k = site.activations(rows, k_columns, random_floats(rows * k_columns, 2));
                const Tensor v = site.activations(rows, k_columns, random_floats(rows * k_columns, 3));
                const Tensor context = site.activations(queries, q_columns), lse = site.floats(queries, s.num_heads);
                const Tensor d_context = site.activations(queries, q_columns, random_floats(queries * q_columns, 4));
                const Tensor dq = site.activations(queries, q_columns), dk = site.activations(rows, k_columns),
                             dv = site.activations(rows, k_columns);
                site.begin(tree);
                const std::span<const int32_t> picked =
                    reward_rows ? std::span<const int32_t>(tree.reward_rows) : std::span<const int32_t>();
                site->attention_forward({.context = context,
                                         .log_sum_exp = lse,
                                         .q = q,
                                         .k = k,
                                         .v = v,
                                         .tree = &tree,
                                         .query_rows = picked,
                                         .shape = s});
                site->attention_backward({.dq = dq,
                                          .dk = dk,
                                          .dv = dv,
                                          .d_context = d_context,
                                          .context = context,
                                          .log_sum_exp = lse,
                                          .q = q,
                                          .k = k,
                                          .v = v,
                                          .tree = &tree,
                                          .query_rows = picked,
                                          .shape = s});
                return {{"context", site.values(context), kOutputs},
                        {"log_sum_exp", site.values(lse), kOutputs},
                        {"dq", site.values(dq), kGradients},
                        {"dk", site.values(dk), kGradients},
                        {"dv", site.values(dv), kGradients}};
              });
}

TEST_CASE("plain loops: attention over deep trees, with groups, windows, a soft cap and the reward rows alone") {
  for (const bool reward_rows : {false, true}) {
    check_plain_attention({4, 2, 5, 0, 0.4f, 0}, reward_rows);
    check_plain_attention({2, 1, 6, 9, 0.4f, 0}, reward_rows);
    check_plain_attention({3, 3, 4, 0, 0.5f, 1.5f}, reward_rows);
  }
}

TEST_CASE("plain loops: gated mlp, beside and in place") {
  const int64_t rows = 13, columns = 21;
  for (const GateActivation activation : {GateActivation::silu, GateActivation::gelu_tanh}) {
    check_plain({.widest_row = 2 * columns, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
      const Tensor gate_up = site.activations(rows, 2 * columns, random_floats(rows * 2 * columns, 1, 2)),
                   y = site.activations(rows, columns);
      const Tensor again = site.activations(rows, columns);
      const Tensor dy = site.activations(rows, columns, random_floats(rows * columns, 2)),
                   d = site.activations(rows, 2 * columns);
      site->gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = activation});
      site->gated_mlp_backward({.d_gate_up = d, .y = {}, .dy = dy, .gate_up = gate_up, .activation = activation});
      site->gated_mlp_backward(
          {.d_gate_up = gate_up, .y = again, .dy = dy, .gate_up = gate_up, .activation = activation});
      CHECK(same_bits(site.values(again), site.values(y)));
      CHECK(same_bits(site.values(gate_up), site.values(d)));
      return {{"y", site.values(y), kOutputs}, {"d_gate_up", site.values(d), kGradients}};
    });
  }
}

TEST_CASE("plain loops: rows, reward head and ranking loss") {
  const PackedTree tree = deep_tree();
  const int64_t rows = tree.rows(), picked = static_cast<int64_t>(tree.reward_rows.size()), rewards = tree.rewards(),
                columns = 7;
  const std::vector<Comparison> comparisons{{.a = 0, .b = 1},
                                            {.a = 1, .b = 2, .target = 0.5f, .weight = 2},
                                            {.a = 5, .b = 0, .margin = 0.75f},
                                            {.a = 3, .b = 3}};
  check_plain({.rows = rows, .backward = true}, [&](Site& site) -> OutputList {
    const Tensor x = site.activations(rows, columns, random_floats(rows * columns, 1)),
                 y = site.activations(picked, columns);
    const Tensor added = site.activations(rows, columns, random_floats(rows * columns, 2)),
                 put = site.activations(rows, columns, random_floats(rows * columns, 6));
    const Tensor top = site.floats(picked, columns, random_floats(picked * columns, 3)),
                 weight = site.vector(random_floats(columns, 4));
    const Tensor r = site.vector(rewards), d_rewards = site.vector(rewards);
    const Tensor d_top = site.floats(picked, columns), d_weight = site.vector(random_floats(columns, 5));
    double* sums = site.doubles({0.25, 4});
    site.begin(tree);
    site->gather_rows({.y = y, .x = x, .rows = tree.reward_rows});
    site->scatter_add_rows({.x = added, .y = y, .rows = tree.reward_rows});
    site->scatter_rows({.x = put, .y = y, .rows = tree.reward_rows});
    site->reward_head_forward({.rewards = r, .x = top, .weight = weight, .index = tree.reward_index});
    site->ranking_loss({.sums = sums,
                        .d_rewards = d_rewards,
                        .rewards = r,
                        .comparisons = comparisons,
                        .total_comparisons = 11,
                        .total_rewards = 19,
                        .reg_coef = 0.1f});
    site->reward_head_backward({.dx = d_top,
                                .d_weight = d_weight,
                                .d_rewards = d_rewards,
                                .x = top,
                                .weight = weight,
                                .index = tree.reward_index});
    return {{"gathered", site.values(y), kOutputs},     {"scattered", site.values(added), kOutputs},
            {"put", site.values(put), kOutputs},        {"rewards", site.values(r), kOutputs},
            {"losses", site.values(sums, 2), kOutputs}, {"d_rewards", site.values(d_rewards), kGradients},
            {"d_top", site.values(d_top), kGradients},  {"d_weight", site.values(d_weight), kGradients}};
  });
}

TEST_CASE(
    "plain loops: the sum of squares and AdamW with float32 state, with and without rows never seen, clipped and not") {
  const int64_t rows = 9, columns = 21, count = rows * columns;
  for (const bool sparse : {false, true}) {
    for (const double max_grad_norm : {0.0, 0.5}) {
      check_plain({.widest_row = columns, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
        std::vector<float> gradient = random_floats(count, 1), first = random_floats(count, 2),
                           second = random_floats(count, 3);
        for (float& value : second) value *= value;
        if (sparse) {
          for (int64_t i = 2 * columns; i < 4 * columns; ++i) {
            gradient[static_cast<size_t>(i)] = first[static_cast<size_t>(i)] = second[static_cast<size_t>(i)] = 0;
          }
        }
        const Tensor g = site.floats(rows, columns, gradient, 0),
                     p = site.floats(rows, columns, random_floats(count, 4), 0);
        const Tensor m = site.floats(rows, columns, first, 0), v = site.floats(rows, columns, second, 0);
        const uint8_t* seen = sparse ? site.bytes({1, 1, 0, 0, 1, 1, 1, 1, 1}) : nullptr;
        double* squares = site.doubles({0});
        site->sum_of_squares({.sum = squares, .x = g, .row_seen = seen});
        site->adamw_update({.parameter = p,
                            .master = {},
                            .gradient = g,
                            .first_moment = m,
                            .second_moment = v,
                            .row_seen = seen,
                            .squares = squares,
                            .max_grad_norm = max_grad_norm,
                            .step = 3,
                            .learning_rate = 0.01,
                            .beta1 = 0.9,
                            .beta2 = 0.95,
                            .epsilon = 1e-8,
                            .weight_decay = 0.1});
        return {{"squares", site.values(squares, 1), kOutputs},
                {"parameter", site.values(p), kOutputs},
                {"gradient", site.values(g), kOutputs},
                {"first_moment", site.values(m), kOutputs},
                {"second_moment", site.values(v), kOutputs}};
      });
    }
  }
}

// --- AdamW's bfloat16 forms, which the CPU backend does not compute, are compared with its float32 form.

struct Updated {
  std::vector<double> parameter, master, first, second, gradient;
};

Updated update_in(DType parameter_dtype, DType moment_dtype, uint64_t seed, double squares = 1) {
  const int64_t count = 500;
  Site site(plain_backend<float>(), {}, {parameter_dtype, moment_dtype}, {DType::bfloat16, DType::bfloat16});
  std::vector<float> second = random_floats(count, 3);
  for (float& value : second) value *= value;
  const Tensor p = site.weights(1, count, random_floats(count, 4)),
               g = site.gradient(1, count, random_floats(count, 1));
  const Tensor m = site.gradient(1, count, random_floats(count, 2)), v = site.gradient(1, count, second);
  const bool with_master = parameter_dtype == DType::bfloat16 && moment_dtype == DType::float32;
  const Tensor master = with_master ? site.floats(1, count, as<float>(site.values(p).numbers), 0) : Tensor();
  const double* norm = site.doubles({squares});
  site->adamw_update({.parameter = p,
                      .master = master,
                      .gradient = g,
                      .first_moment = m,
                      .second_moment = v,
                      .squares = norm,
                      .max_grad_norm = 0.5,
                      .step = 3,
                      .learning_rate = 0.01,
                      .beta1 = 0.9,
                      .beta2 = 0.95,
                      .epsilon = 1e-8,
                      .weight_decay = 0.1,
                      .seed = seed});
  CHECK(site.guards_hold());
  return {site.values(p).numbers, with_master ? site.values(master).numbers : std::vector<double>(),
          site.values(m).numbers, site.values(v).numbers, site.values(g).numbers};
}

// The neighbors of x among the bfloat16 values.
bool is_neighbor(double found, double x) {
  const double unit = std::ldexp(1.0, std::ilogb(x) - 7);
  return std::abs(found - x) < unit && std::fmod(found, unit / 2) == 0;
}

TEST_CASE("plain loops: AdamW keeps a float32 master beside a bfloat16 parameter, its rounded copy") {
  const Updated exact = update_in(DType::float32, DType::float32, 0),
                found = update_in(DType::bfloat16, DType::float32, 0);
  CHECK(found.master == exact.parameter);
  CHECK(found.first == exact.first);
  CHECK(found.second == exact.second);
  for (size_t i = 0; i < exact.parameter.size(); ++i) {
    CHECK(found.parameter[i] == bfloat16_to_float(float_to_bfloat16(static_cast<float>(exact.parameter[i]))));
  }
}

TEST_CASE("plain loops: AdamW with bfloat16 state rounds to a neighbor, as its seed says, and right on average") {
  const Updated exact = update_in(DType::float32, DType::float32, 0),
                found = update_in(DType::bfloat16, DType::bfloat16, 5);
  const Updated again = update_in(DType::bfloat16, DType::bfloat16, 5);
  CHECK(found.parameter == again.parameter);
  CHECK(found.parameter != update_in(DType::bfloat16, DType::bfloat16, 6).parameter);
  for (size_t i = 0; i < exact.parameter.size(); ++i) {
    CHECK(is_neighbor(found.parameter[i], exact.parameter[i]));
    CHECK(is_neighbor(found.first[i], exact.first[i]));
    CHECK(is_neighbor(found.second[i], exact.second[i]));
    CHECK(found.gradient[i] == 0);
  }
  double drift = 0, moved = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Updated one = update_in(DType::bfloat16, DType::bfloat16, seed);
    for (size_t i = 0; i < 500; ++i)
      drift += one.parameter[i] - exact.parameter[i], moved += std::abs(one.parameter[i] - exact.parameter[i]);
  }
  CHECK(std::abs(drift) < 0.02 * moved);
}

TEST_CASE("plain loops: AdamW changes nothing but the gradient where the squares are not finite") {
  const Updated found = update_in(DType::float32, DType::float32, 0, INFINITY);
  CHECK(found.gradient == std::vector<double>(500, 0.0));
  std::vector<float> before = random_floats(500, 4);
  for (float& value : before) value = bfloat16_to_float(float_to_bfloat16(value));
  CHECK(found.parameter == as<double>(before));
}

}  // namespace
}  // namespace cheems
