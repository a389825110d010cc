#include <cmath>
#include <numeric>

#include "testing/operation_check.h"
#include "testing/trees.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/attention/attention.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

struct SegmentPlan {
  int32_t parent, length;
};

// A packed tree of the given segments; every segment's last row ends a sample.
PackedTree tree_of_segments(const std::vector<SegmentPlan>& plan) {
  PackedTree tree;
  for (const SegmentPlan& segment : plan) {
    if (segment.parent < 0) tree.tree_begins.push_back(static_cast<int32_t>(tree.segments.size()));
    const Segment* parent = segment.parent < 0 ? nullptr : &tree.segments[static_cast<size_t>(segment.parent)];
    const int32_t position = parent ? parent->position + parent->length : 0;
    tree.segments.push_back({static_cast<int32_t>(tree.rows()), segment.length, segment.parent, position,
                             static_cast<int32_t>(tree.tree_begins.size()) - 1});
    for (int32_t i = 0; i < segment.length; ++i) tree.tokens.push_back(i), tree.positions.push_back(position + i);
    tree.reward_rows.push_back(static_cast<int32_t>(tree.rows()) - 1);
    tree.longest_path = std::max<int64_t>(tree.longest_path, position + segment.length);
  }
  tree.tree_begins.push_back(static_cast<int32_t>(tree.segments.size()));
  return tree;
}

// Five levels; paths and segments that end before, on and after the edges of tiles of 16, 32, 64 and 128; single
// tokens; second children below second children, so that going up a path skips rows more than once.
PackedTree edges() {
  return tree_of_segments({{-1, 63},
                           {0, 1},
                           {1, 1},
                           {2, 64},
                           {3, 2},
                           {0, 65},
                           {5, 17},
                           {5, 1},
                           {7, 1},
                           {7, 2},
                           {-1, 1},
                           {-1, 129},
                           {11, 1},
                           {11, 15}});
}
PackedTree middling() { return tree_of_segments({{-1, 65}, {0, 1}, {0, 63}, {-1, 16}}); }
PackedTree shallow() { return tree_of_segments({{-1, 21}, {0, 13}, {0, 40}, {-1, 5}}); }

struct AttentionCase {
  PackedTree tree;
  AttentionShape shape;
  std::vector<int32_t> query_rows = {};  // empty: all
  uint64_t seed = 1;
  int64_t queries() const { return query_rows.empty() ? tree.rows() : static_cast<int64_t>(query_rows.size()); }
  WorkspaceRequest request() const {
    return {.longest_path = tree.longest_path,
            .num_heads = shape.num_heads,
            .num_key_value_heads = shape.num_key_value_heads,
            .head_size = shape.head_size,
            .rows = tree.rows(),
            .backward = true};
  }
};

struct Numbers {
  std::vector<float> q, k, v, d_context;
  explicit Numbers(const AttentionCase& c)
      : q(random_floats(c.queries() * c.shape.num_heads * c.shape.head_size, c.seed)),
        k(random_floats(c.tree.rows() * c.shape.num_key_value_heads * c.shape.head_size, c.seed + 100)),
        v(random_floats(static_cast<int64_t>(k.size()), c.seed + 200)),
        d_context(random_floats(static_cast<int64_t>(q.size()), c.seed + 300)) {}
};

// Forward, with and without log_sum_exp, and backward. q, k and v are column ranges of one matrix where all rows have
// queries, as in the model.
OutputList run_attention(Site& site, const AttentionCase& c, const Numbers& in) {
  const int64_t queries = c.queries(), rows = c.tree.rows(), q_columns = c.shape.num_heads * c.shape.head_size,
                k_columns = c.shape.num_key_value_heads * c.shape.head_size;
  const Tensor q = site.activations(queries, q_columns, in.q), k = site.activations(rows, k_columns, in.k, 7),
               v = site.activations(rows, k_columns, in.v);
  const Tensor context = site.activations(queries, q_columns), again = site.activations(queries, q_columns, {}, 5),
               log_sum_exp = site.floats(queries, c.shape.num_heads);
  const Tensor d_context = site.activations(queries, q_columns, in.d_context, 1),
               dq = site.activations(queries, q_columns), dk = site.activations(rows, k_columns),
               dv = site.activations(rows, k_columns);
  site.begin(c.tree);
  site->attention_forward({.context = context,
                           .log_sum_exp = log_sum_exp,
                           .q = q,
                           .k = k,
                           .v = v,
                           .tree = &c.tree,
                           .query_rows = c.query_rows,
                           .shape = c.shape});
  site->attention_forward({.context = again,
                           .log_sum_exp = {},
                           .q = q,
                           .k = k,
                           .v = v,
                           .tree = &c.tree,
                           .query_rows = c.query_rows,
                           .shape = c.shape});
  CHECK(same_bits(site.values(context), site.values(again)));
  site->attention_backward({.dq = dq,
                            .dk = dk,
                            .dv = dv,
                            .d_context = d_context,
                            .context = context,
                            .log_sum_exp = log_sum_exp,
                            .q = q,
                            .k = k,
                            .v = v,
                            .tree = &c.tree,
                            .query_rows = c.query_rows,
                            .shape = c.shape});
  const Values dv_values = site.values(dv);
  // A query that sees itself alone has dP = D exactly, and their difference is the rounding of both.
  const double canceling =
      c.shape.window == 1 ? std::sqrt(static_cast<double>(c.shape.head_size)) * largest(dv_values.numbers) : 0;
  return {{"context", site.values(context), kOutputs},
          {"log_sum_exp", site.values(log_sum_exp), kOutputs},
          {"dq", site.values(dq), kGradients, canceling},
          {"dk", site.values(dk), kGradients, canceling},
          {"dv", dv_values, kGradients}};
}

template <class Check>
void with_captures(const AttentionCase& c, Check check) {
  CAPTURE(c.shape.num_heads);
  CAPTURE(c.shape.num_key_value_heads);
  CAPTURE(c.shape.head_size);
  CAPTURE(c.shape.window);
  CAPTURE(c.shape.soft_cap);
  CAPTURE(c.tree.rows());
  CAPTURE(c.queries());
  check();
}

// Every path: float32, bfloat16 on the tensor cores, bfloat16 that is not aligned; and the CPU backend.
void check_everywhere(const AttentionCase& c) {
  with_captures(c, [&] {
    const Numbers in(c);
    check_operation(c.request(), [&](Site& site) { return run_attention(site, c, in); });
  });
}

// The tensor cores alone, and that they repeat bit for bit under another schedule.
void check_bfloat16(const AttentionCase& c) {
  with_captures(c, [&] {
    const Numbers in(c);
    const auto run = [&](Site& site) { return run_attention(site, c, in); };
    const Precision half{DType::bfloat16, DType::float32};
    const OutputList plain = outputs_on(plain_backend<float>(), c.request(), half, half, Placement::aligned, run);
    const OutputList truth = outputs_on(plain_backend<double>(), c.request(), {}, half, Placement::aligned, run);
    const OutputList found = outputs_on(device_backend(), c.request(), half, half, Placement::aligned, run);
    check_outputs(found, plain, truth);
#ifdef CHEEMS_CUDA_ON_CPU
    const cuda_on_cpu::ScheduleScope restored(cuda_on_cpu::schedule());
    schedule_run(c.seed);
#endif
    const OutputList again = outputs_on(device_backend(), c.request(), half, half, Placement::aligned, run);
    for (size_t i = 0; i < found.size(); ++i) CHECK(same_bits(found[i].values, again[i].values));
  });
}

float scale_of(int64_t head_size) { return 1 / std::sqrt(static_cast<float>(head_size)); }

TEST_CASE("cuda attention: over a cache whose rows lie anywhere, a few queries and all of them") {
  for (const AttentionShape& shape : {AttentionShape{4, 2, 16, 0, 0.25f, 0}, AttentionShape{7, 1, 64, 40, 0.125f, 0},
                                      AttentionShape{2, 1, 24, 0, 0.3f, 3}}) {
    for (const bool few : {true, false}) {
      const PackedTree packed = shallow();
      const CachedTree cached = in_cache(packed, few ? packed.reward_rows : ids(0, packed.rows()));
      const AttentionCase c{packed, shape};
      const Numbers in(c);
      const int64_t count = cached.tree.rows(), q_columns = shape.num_heads * shape.head_size,
                    k_columns = shape.num_key_value_heads * shape.head_size;
      const std::vector<float> q(in.q.begin(), in.q.begin() + count * q_columns);
      check_operation(c.request(), [&](Site& site) -> OutputList {
        const Tensor queries = site.activations(count, q_columns, q), context = site.activations(count, q_columns);
        const Tensor k = site.activations(cached.rows, k_columns, cache_of(cached, in.k, k_columns, NAN)),
                     v = site.activations(cached.rows, k_columns, cache_of(cached, in.v, k_columns, NAN));
        site.begin(cached.tree);
        site->attention_forward({.context = context,
                                 .log_sum_exp = {},
                                 .q = queries,
                                 .k = k,
                                 .v = v,
                                 .tree = &cached.tree,
                                 .query_rows = cached.tree.cache_rows,
                                 .shape = shape});
        return {{"context", site.values(context), kOutputs}};
      });
    }
  }
}

TEST_CASE("cuda attention: the descendants of a segment are one range of rows") {
  const OwnedSamples samples = deep_samples();
  for (const PackedTree& tree : {pack_tree(samples.view(), all_samples(samples), true), edges()}) {
    const auto is_within = [&](int32_t inner, int32_t outer) {
      while (inner > outer) inner = tree.segments[static_cast<size_t>(inner)].parent;
      return inner == outer;
    };
    const auto count = static_cast<int32_t>(tree.segments.size());
    for (int32_t outer = 0; outer < count; ++outer) {
      int32_t end = outer;
      while (end < count && is_within(end, outer)) ++end;
      for (int32_t later = end; later < count; ++later) CHECK_FALSE(is_within(later, outer));
    }
  }
}

TEST_CASE("cuda attention: every path on a small tree, odd heads and head sizes") {
  check_everywhere({shallow(), {1, 1, 4, 0, 1, 0}});
  check_everywhere({shallow(), {3, 1, 5, 7, 0.4f, 0}});
  check_everywhere({shallow(), {2, 2, 8, 0, 0.3f, 2}});
  check_everywhere({shallow(), {2, 1, 80, 20, scale_of(80), 0}, {0, 20, 21, 73, 78}});
}

TEST_CASE("cuda attention: float32 over tile edges") {
  const AttentionCase c{edges(), {1, 1, 8, 0, 0.35f, 0}};
  const Numbers in(c);
  check_operation(c.request(), [&](Site& site) { return run_attention(site, c, in); }, {.bfloat16 = false});
}

TEST_CASE("cuda attention: every head size on the tensor cores") {
  check_bfloat16({edges(), {1, 1, 64, 0, 0.125f, 0}});
  for (const int64_t head_size : {8, 16, 24, 32, 80, 96, 128, 256})
    check_bfloat16({middling(), {1, 1, head_size, 0, scale_of(head_size), 0}, {}, static_cast<uint64_t>(head_size)});
}

TEST_CASE("cuda attention: heads and groups") {
  for (const auto& [heads, key_value_heads] : {std::pair<int64_t, int64_t>{3, 1}, {2, 2}, {14, 2}, {14, 7}})
    check_bfloat16({shallow(), {heads, key_value_heads, 16, 0, 0.25f, 0}});
}

TEST_CASE("cuda attention: windows smaller and larger than tiles, soft caps") {
  for (const int64_t window : {1, 7, 64, 100, 129, 1000})
    check_bfloat16({edges(), {2, 1, 16, window, 0.25f, window == 7 || window == 129 ? 3.0f : 0.0f}});
  check_bfloat16({edges(), {1, 1, 64, 0, 0.125f, 50}});
  check_bfloat16({shallow(), {1, 1, 256, 9, 0.0625f, 4}});
}

TEST_CASE("cuda attention: some queries, and segments without any") {
  const PackedTree tree = edges();
  for (const auto& query_rows : {tree.reward_rows, std::vector<int32_t>{130},
                                 std::vector<int32_t>{0, 62, 63, 75, 76, 90, 131, 200, 214, 300, 301, 302, 303, 358}}) {
    for (const int64_t window : {0, 40}) check_bfloat16({tree, {2, 1, 32, window, 0.2f, 0}, query_rows});
  }
  check_bfloat16({tree, {1, 1, 128, 0, 0.1f, 0}, tree.reward_rows});
}

TEST_CASE("cuda attention: scores far past the exponential's range stay finite and correct") {
  check_bfloat16({shallow(), {2, 1, 16, 0, 40, 0}});
}

// bfloat16 columns of a row of random numbers that depends on its name alone.
std::vector<float> rows_named(const std::vector<std::pair<int32_t, int32_t>>& names, int64_t columns) {
  std::vector<float> rows;
  for (const auto& [sample, position] : names) {
    const auto row = random_floats(columns, static_cast<uint64_t>(1000 * sample + position));
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

TEST_CASE("cuda attention: sharing changes no bit of the forward pass") {
  // A prompt of 70 tokens with answers of 50, 1 and 90, the last two of which share 20 more; and each sample by itself.
  const PackedTree shared = tree_of_segments({{-1, 70}, {0, 50}, {0, 20}, {2, 1}, {2, 70}}),
                   apart = tree_of_segments({{-1, 120}, {-1, 91}, {-1, 160}});
  const std::vector<std::pair<int32_t, int32_t>> ends = {
      {1, 0}, {3, 1}, {4, 2}};  // a sample's segment in the one tree and in the other
  // A shared token is named by the first sample that has it.
  const auto name_of = [](int32_t sample, int32_t position) {
    return std::pair<int32_t, int32_t>{position < 70 ? 0 : sample == 2 && position < 90 ? 1 : sample, position};
  };
  std::vector<std::pair<int32_t, int32_t>> shared_names(static_cast<size_t>(shared.rows())),
      apart_names(static_cast<size_t>(apart.rows()));
  std::vector<std::pair<int32_t, int32_t>> same;  // rows of the two trees that hold the same token of the same sample
  for (size_t sample = 0; sample < ends.size(); ++sample) {
    const auto from = path_to(shared, shared.reward_rows[static_cast<size_t>(ends[sample].first)]),
               to = path_to(apart, apart.reward_rows[static_cast<size_t>(ends[sample].second)]);
    REQUIRE(from.size() == to.size());
    for (size_t i = 0; i < from.size(); ++i) {
      same.emplace_back(from[i], to[i]);
      shared_names[static_cast<size_t>(from[i])] = apart_names[static_cast<size_t>(to[i])] =
          name_of(static_cast<int32_t>(sample), static_cast<int32_t>(i));
    }
  }
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    for (const int64_t window : {0, 75}) {
      const AttentionShape shape{2, 1, 32, window, 0.2f, 0};
      const auto context_of = [&](const PackedTree& tree, const std::vector<std::pair<int32_t, int32_t>>& names) {
        const AttentionCase c{tree, shape};
        Site site(device_backend(), c.request(), {dtype, DType::float32}, {dtype, DType::float32}, Placement::aligned);
        const Tensor context = site.activations(tree.rows(), 64), log_sum_exp = site.floats(tree.rows(), 2);
        site.begin(tree);
        site->attention_forward({.context = context,
                                 .log_sum_exp = log_sum_exp,
                                 .q = site.activations(tree.rows(), 64, rows_named(names, 64)),
                                 .k = site.activations(tree.rows(), 32, rows_named(names, 32)),
                                 .v = site.activations(tree.rows(), 32, rows_named(names, 32)),
                                 .tree = &tree,
                                 .query_rows = {},
                                 .shape = shape});
        return std::pair{site.values(context).numbers, site.values(log_sum_exp).numbers};
      };
      const auto [together, together_sums] = context_of(shared, shared_names);
      const auto [alone, alone_sums] = context_of(apart, apart_names);
      int different = 0;
      for (const auto& [from, to] : same) {
        different +=
            !std::equal(together.begin() + from * 64, together.begin() + (from + 1) * 64, alone.begin() + to * 64);
        different += !std::equal(together_sums.begin() + from * 2, together_sums.begin() + (from + 1) * 2,
                                 alone_sums.begin() + to * 2);
      }
      CHECK(different == 0);
    }
  }
}

TEST_CASE("cuda attention: another branch's NaN stays there, forward and backward") {
  const AttentionCase c{shallow(), {2, 1, 32, 0, 0.2f, 0}};
  Numbers in(c);
  const Segment broken = c.tree.segments[2];
  const auto fill = [&](std::vector<float>& numbers, int64_t columns) {
    std::fill_n(numbers.begin() + broken.begin * columns, broken.length * columns, NAN);
  };
  fill(in.q, 64), fill(in.k, 32), fill(in.v, 32);
  const Precision half{DType::bfloat16, DType::float32};
  const OutputList found = outputs_on(device_backend(), c.request(), half, half, Placement::aligned,
                                      [&](Site& site) { return run_attention(site, c, in); });
  for (const Output& output : found) {
    const std::string what = output.name;
    CAPTURE(what);
    const int64_t columns = static_cast<int64_t>(output.values.numbers.size()) / c.tree.rows();
    const bool of_keys = what == "dk" || what == "dv";
    for (int64_t row = 0; row < c.tree.rows(); ++row) {
      // The broken branch gets NaN, and so do the keys of its prompt; the other branch and the other tree do not.
      const bool expected =
          (row >= broken.begin && row < broken.begin + broken.length) || (of_keys && row < c.tree.segments[0].length);
      const bool is_nan = std::isnan(output.values.numbers[static_cast<size_t>(row * columns)]);
      CHECK(is_nan == expected);
    }
  }
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE("cuda attention: traffic and products against the floor") {
  // A prompt of 256 tokens with two answers of 128, four query heads on two key/value heads of 64.
  const AttentionCase c{tree_of_segments({{-1, 256}, {0, 128}, {0, 128}}), {4, 2, 64, 0, 0.125f, 0}};
  const Numbers in(c);
  const Precision half{DType::bfloat16, DType::float32};
  cuda_on_cpu::TrafficScope scope;
  outputs_on(device_backend(), c.request(), half, half, Placement::aligned,
             [&](Site& site) { return run_attention(site, c, in); });
  double pairs = 0;
  for (const int32_t position : c.tree.positions) pairs += position + 1;
  const double product = 2.0 * pairs * 64 * 4;  // FLOPs of one product of all pairs, of all heads
  const auto check_kernel = [&](const char* name, int launches, int products, double load_floor, double store_floor) {
    const cuda_on_cpu::KernelTraffic t = scope.of(name);
    CAPTURE(name);
    CHECK(t.launches == launches);
    CHECK(static_cast<double>(t.mma_flops()) >= launches * products * product);
    CHECK(static_cast<double>(t.mma_flops()) <= 1.15 * launches * products * product);  // diagonal tiles are half empty
    CHECK(static_cast<double>(t.async_copy_bytes) <= 1.15 * load_floor);
    CHECK(static_cast<double>(32 * t.global_load_sectors) <=
          1.35 * load_floor);  // with row numbers, segments, log_sum_exp, D
    CHECK(static_cast<double>(32 * t.global_store_sectors) <= 1.15 * store_floor);
    CHECK(t.bank_conflicts == 0);
  };
  // Keys and values once per tile of queries and head, or queries and dcontext once per tile of keys and head; the tile
  // itself once.
  const auto copies = [&](int32_t tile_rows, bool of_keys) {
    double rows = 0;
    for (size_t s = 0; s < c.tree.segments.size(); ++s) {
      const Segment& segment = c.tree.segments[s];
      for (int32_t begin = 0; begin < segment.length; begin += tile_rows)
        rows += of_keys ? (s == 0 ? 512 : 128) - begin : segment.position + std::min(begin + tile_rows, segment.length);
    }
    return rows * 4 * 2 * 64 * 2;
  };
  const double q_bytes = 512.0 * 4 * 64 * 2, k_bytes = q_bytes / 2, sum_bytes = 512.0 * 4 * 4;
  check_kernel("attention_forward", 2, 2, 2 * (q_bytes + copies(128, false)), 2 * q_bytes + sum_bytes);
  check_kernel("attention_backward_queries", 1, 3, 2 * q_bytes + copies(64, false), q_bytes);
  check_kernel("attention_backward_keys", 1, 4, 2 * k_bytes + copies(64, true), 2 * k_bytes);
  const cuda_on_cpu::KernelTraffic dot = scope.of("attention_d_dot_context");
  CHECK(static_cast<double>(dot.sector_bytes()) <= 1.05 * (2 * q_bytes + sum_bytes));
}
#endif

}  // namespace
}  // namespace cheems
