// Every operation on a GPU at Qwen2.5's shapes, bfloat16: time, GB/s, TFLOP/s and the fraction of the floor that its
// contract (native/ops/*/*.h) states.
//
//   gpu_kernels [--models 0.5B,1.5B,7B] [--rows 8192] [--repeats 20] [--device 0]
//   gpu_kernels --tiny        small shapes, each operation once: shows that the program runs, also executed on the CPU
//   --output FILE             the JSON goes there, and is whole after every model
//
// Times are CUDA events around one call, the L2 cache flushed before it, the median of the repeats. Bytes and FLOPs are
// the floor's: every operand read once, every result written once, no product that a mask removes. The floor's time is
// the larger of bytes / bandwidth and FLOPs / peak: `of_spec` by the card's data sheet, `of_measured` by what a large
// copy and cuBLASLt at 8192^3 reach here. Heads of 128 are measured with both shapes of the forward kernel
// (gpu_forward_shape.cu). Prints one JSON object; progress goes to stderr.
#include <cstdio>
#include <sstream>

#include "batch/packed_tree.h"
#include "core/random.h"
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
#include "gpu_common.h"

namespace cheems::cuda {
void attention_forward_of_other_shape(const AttentionForward& a, Context& context);  // gpu_forward_shape.cu
}

namespace {

using namespace cheems;
using namespace cheems::bench;
using nlohmann::json;

// Samples of one group each, or prompts shared by `responses` samples.
PackedTree make_tree(int64_t rows, int64_t prompt, int64_t response, int64_t responses, int64_t vocab) {
  std::vector<int32_t> tokens, offsets{0}, groups, chosen;
  RandomStream random(1, 7);
  const auto add = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      tokens.push_back(static_cast<int32_t>(random.next() % static_cast<uint64_t>(vocab)));
  };
  int64_t computed = 0;
  for (int32_t group = 0; group == 0 || computed + prompt + responses * response <= rows;
       ++group, computed += prompt + responses * response) {
    const size_t begin = tokens.size();
    for (int64_t r = 0; r < responses; ++r) {
      if (r == 0) add(prompt);
      else
        for (int64_t i = 0; i < prompt; ++i) tokens.push_back(tokens[begin + static_cast<size_t>(i)]);
      add(response);
      offsets.push_back(static_cast<int32_t>(tokens.size()));
      chosen.push_back(static_cast<int32_t>(groups.size()));
      groups.push_back(group);
    }
  }
  return pack_tree({tokens, offsets, groups}, chosen, prompt > 0);
}

double visible_pairs(const PackedTree& tree) {
  double pairs = 0;
  for (const int32_t position : tree.positions) pairs += position + 1;
  return pairs;
}

struct Speed {
  double teraflops, gigabytes_per_second;
};

class Bench {
 public:
  Bench(Device& device, const Speed& measured, int repeats)
      : device_(device), measured_(measured), repeats_(repeats), timer_(device) {}

  Operations& ops() { return device_.ops(); }
  // What follows is of this model; `tree` lives until the next call.
  void begin(const std::string& model, const PackedTree& tree, const WorkspaceRequest& request) {
    model_ = model;
    ops().set_workspace(nullptr, 0);
    memory_.clear();
    workspace_ = device_.backend().allocate(ops().workspace_bytes(request), "the kernels' workspace");
    ops().set_workspace(workspace_->data(), workspace_->size());
    ops().begin_batch(tree);
  }
  // Normal numbers; they live until release() or the next begin().
  Tensor tensor(int64_t rows, int64_t columns, DType dtype = DType::bfloat16, float deviation = 1) {
    memory_.push_back(device_.backend().allocate(rows * columns * static_cast<int64_t>(size_of(dtype)), "an operand"));
    const Tensor made{memory_.back()->data(), dtype, rows, columns, columns};
    device_.fill_normal(made, deviation, 1, ++streams_);
    return made;
  }
  Tensor vector(int64_t columns) { return tensor(1, columns, DType::float32); }
  void* zeros(int64_t bytes) {
    memory_.push_back(device_.backend().allocate(bytes, "an operand"));
    return memory_.back()->data();
  }
  void release() {
    device_.backend().finish();
    memory_.clear();
  }

  void add(const std::string& operation, const std::string& shape, double bytes, double flops,
           const std::function<void()>& body) {
    const Times times = timer_.measure(repeats_, body);
    const double seconds = times.median * 1e-3;
    json row = {{"model", model_},
                {"operation", operation},
                {"shape", shape},
                {"floor_bytes", bytes},
                {"floor_flops", flops},
                {"ms", times.median},
                {"lowest_ms", times.lowest},
                {"gigabytes_per_second", bytes / seconds * 1e-9},
                {"teraflops", flops / seconds * 1e-12}};
    const auto fraction = [&](const Speed& speed) {
      return std::max(bytes / (speed.gigabytes_per_second * 1e9), flops / (speed.teraflops * 1e12)) / seconds;
    };
    const CardPeak spec = device_.peak();
    row["of_spec"] = spec.teraflops > 0 ? json(fraction({spec.teraflops, spec.gigabytes_per_second})) : json(nullptr);
    row["of_measured"] = fraction(measured_);
    std::fprintf(stderr, "%-6s %-24s %-34s %9.4f ms %8.1f GB/s %7.1f TFLOP/s %5.1f %% of the measured floor\n",
                 model_.c_str(), operation.c_str(), shape.c_str(), times.median, bytes / seconds * 1e-9,
                 flops / seconds * 1e-12, 100 * fraction(measured_));
    rows_.push_back(std::move(row));
  }
  const json& rows() const { return rows_; }

 private:
  Device& device_;
  Speed measured_;
  int repeats_;
  ColdTimer timer_;
  std::string model_;
  std::vector<std::unique_ptr<Buffer>> memory_;
  std::unique_ptr<Buffer> workspace_;
  uint64_t streams_ = 0;
  json rows_ = json::array();
};

constexpr double kElement = 2;  // bytes of a bfloat16

std::string shape_of(std::initializer_list<int64_t> sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

void measure_embedding(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), h = a.hidden_size;
  const auto elements = static_cast<double>(n * h), distinct = static_cast<double>(tree.token_runs.size() - 1);
  const Tensor table = bench.tensor(a.vocab_size, h), x = bench.tensor(n, h);
  bench.add("embedding_forward", shape_of({n, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().embedding_forward({.y = x, .table = table, .tokens = tree.tokens}); });
  bench.add("embedding_backward", shape_of({n, h}), (elements + 2 * distinct * static_cast<double>(h)) * kElement, 0,
            [&] {
              bench.ops().embedding_backward({.d_table = table,
                                              .dy = x,
                                              .tokens = tree.tokens,
                                              .token_order = tree.token_order,
                                              .token_runs = tree.token_runs});
            });
  bench.release();
}

void measure_norm(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), h = a.hidden_size;
  const double elements = static_cast<double>(n * h), scales = 4 * static_cast<double>(n);
  const Tensor x = bench.tensor(n, h), y = bench.tensor(n, h), dx = bench.tensor(n, h), weight = bench.vector(h),
               d_weight = bench.vector(h), inverse_rms = bench.vector(n);
  bench.add("rmsnorm_forward", shape_of({n, h}), 2 * elements * kElement + scales, 0, [&] {
    bench.ops().rmsnorm_forward({.y = y, .inverse_rms = inverse_rms, .x = x, .weight = weight, .epsilon = 1e-6f});
  });
  bench.add("rmsnorm_apply", shape_of({n, h}), 2 * elements * kElement + scales, 0,
            [&] { bench.ops().rmsnorm_apply({.y = y, .x = x, .inverse_rms = inverse_rms, .weight = weight}); });
  bench.add("rmsnorm_backward", shape_of({n, h}), 4 * elements * kElement + scales, 0, [&] {
    bench.ops().rmsnorm_backward(
        {.dx = dx, .d_weight = d_weight, .dy = y, .x = x, .inverse_rms = inverse_rms, .weight = weight});
  });
  bench.release();
}

struct Layer {
  const char* name;
  int64_t in, out;
  bool bias, residual;
};

void measure_linear(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), h = a.hidden_size;
  for (const Layer& layer :
       {Layer{"qkv", h, a.qkv_size(), true, false}, Layer{"output", a.query_size(), h, false, true},
        Layer{"gate_up", h, 2 * a.intermediate_size, false, false},
        Layer{"down", a.intermediate_size, h, false, true}}) {
    const auto inputs = static_cast<double>(n * layer.in), outputs = static_cast<double>(n * layer.out),
               weights = static_cast<double>(layer.in * layer.out);
    const double flops = 2 * inputs * static_cast<double>(layer.out);
    const std::string shape = std::string(layer.name) + ", " + shape_of({n, layer.in, layer.out});
    const Tensor x = bench.tensor(n, layer.in), weight = bench.tensor(layer.out, layer.in, DType::bfloat16, 0.02f),
                 y = bench.tensor(n, layer.out), gradient = bench.tensor(layer.out, layer.in);
    const Tensor bias = layer.bias ? bench.vector(layer.out) : Tensor{},
                 d_bias = layer.bias ? bench.vector(layer.out) : Tensor{},
                 residual = layer.residual ? bench.tensor(n, layer.out) : Tensor{};
    bench.add("linear_forward", shape, (inputs + weights + outputs * (layer.residual ? 2 : 1)) * kElement, flops, [&] {
      bench.ops().linear_forward({.y = y, .x = x, .weight = weight, .bias = bias, .residual = residual});
    });
    bench.add("linear_backward_input", shape, (inputs + weights + outputs) * kElement, flops,
              [&] { bench.ops().linear_backward_input({.dx = x, .dy = y, .weight = weight}); });
    bench.add("linear_backward_weight", shape, (inputs + 2 * weights + outputs) * kElement, flops,
              [&] { bench.ops().linear_backward_weight({.d_weight = gradient, .d_bias = d_bias, .dy = y, .x = x}); });
    bench.release();
  }
}

void measure_attention(Bench& bench, Device& device, const model::Architecture& a, const PackedTree& tree,
                       const std::string& kind) {
  const int64_t n = tree.rows();
  const auto queries = static_cast<double>(n * a.query_size()), keys = static_cast<double>(n * a.key_value_size()),
             sums = 4 * static_cast<double>(n * a.num_heads);
  const double pairs = visible_pairs(tree) * static_cast<double>(a.query_size());
  const AttentionShape shape{a.num_heads, a.num_key_value_heads, a.head_size, 0,
                             1 / std::sqrt(static_cast<float>(a.head_size))};
  const Tensor qkv = bench.tensor(n, a.qkv_size()), d_qkv = bench.tensor(n, a.qkv_size()),
               context = bench.tensor(n, a.query_size()), d_context = bench.tensor(n, a.query_size());
  const Tensor log_sum_exp = bench.tensor(n, a.num_heads, DType::float32);
  const auto q = [&](const Tensor& t) { return t.column_range(0, a.query_size()); };
  const auto k = [&](const Tensor& t) { return t.column_range(a.query_size(), a.key_value_size()); };
  const auto v = [&](const Tensor& t) {
    return t.column_range(a.query_size() + a.key_value_size(), a.key_value_size());
  };
  const std::string text = kind + ", " + std::to_string(a.num_heads) + "/" + std::to_string(a.num_key_value_heads) +
                           " heads of " + std::to_string(a.head_size);
  const AttentionForward forward{.context = context,
                                 .log_sum_exp = log_sum_exp,
                                 .q = q(qkv),
                                 .k = k(qkv),
                                 .v = v(qkv),
                                 .tree = &tree,
                                 .query_rows = {},
                                 .shape = shape};
  const double bytes = (2 * queries + 2 * keys) * kElement + sums;
  bench.add("attention_forward", text, bytes, 4 * pairs, [&] { bench.ops().attention_forward(forward); });
  if (a.head_size == 128) {
    bench.add("attention_forward, 4 x 32", text, bytes, 4 * pairs,
              [&] { cuda::attention_forward_of_other_shape(forward, device.context()); });
  }
  bench.add("attention_backward", text, (4 * queries + 4 * keys) * kElement + sums, 10 * pairs, [&] {
    bench.ops().attention_backward({.dq = q(d_qkv),
                                    .dk = k(d_qkv),
                                    .dv = v(d_qkv),
                                    .d_context = d_context,
                                    .context = context,
                                    .log_sum_exp = log_sum_exp,
                                    .q = q(qkv),
                                    .k = k(qkv),
                                    .v = v(qkv),
                                    .tree = &tree,
                                    .query_rows = {},
                                    .shape = shape});
  });
  bench.release();
}

void measure_rope(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), half = a.head_size / 2;
  const Tensor qkv = bench.tensor(n, a.qkv_size()), cosine = bench.tensor(tree.longest_path, half, DType::float32),
               sine = bench.tensor(tree.longest_path, half, DType::float32);
  const Tensor q = qkv.column_range(0, a.query_size()), k = qkv.column_range(a.query_size(), a.key_value_size());
  for (const auto& [part, x] : {std::pair{"queries", q}, {"keys", k}}) {
    const double bytes = 2 * static_cast<double>(n * x.columns) * kElement;
    const std::string shape = std::string(part) + ", " + shape_of({n, x.columns});
    bench.add("rope_forward", shape, bytes, 0, [&bench, &a, &tree, x = x, cosine, sine] {
      bench.ops().rope_forward({.y = x,
                                .x = x,
                                .head_size = a.head_size,
                                .positions = tree.positions,
                                .cosine = cosine,
                                .sine = sine,
                                .norm_weight = {}});
    });
    bench.add("rope_backward", shape, bytes, 0, [&bench, &a, &tree, x = x, cosine, sine] {
      bench.ops().rope_backward({.dx = x,
                                 .d_norm_weight = {},
                                 .dy = x,
                                 .x = x,
                                 .head_size = a.head_size,
                                 .positions = tree.positions,
                                 .cosine = cosine,
                                 .sine = sine,
                                 .norm_weight = {}});
    });
  }
  bench.release();
}

void measure_gated_mlp(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), i = a.intermediate_size;
  const auto elements = static_cast<double>(n * i);
  const Tensor gate_up = bench.tensor(n, 2 * i), d_gate_up = bench.tensor(n, 2 * i), y = bench.tensor(n, i),
               dy = bench.tensor(n, i);
  bench.add("gated_mlp_forward", shape_of({n, i}), 3 * elements * kElement, 0,
            [&] { bench.ops().gated_mlp_forward({.y = y, .gate_up = gate_up, .activation = GateActivation::silu}); });
  bench.add("gated_mlp_backward", shape_of({n, i}), 6 * elements * kElement, 0, [&] {
    bench.ops().gated_mlp_backward(
        {.d_gate_up = d_gate_up, .y = y, .dy = dy, .gate_up = gate_up, .activation = GateActivation::silu});
  });
  bench.release();
}

// What happens on the reward rows alone: a few rows, where a launch's own time is most of it.
void measure_head(Bench& bench, const model::Architecture& a, const PackedTree& tree) {
  const int64_t n = tree.rows(), h = a.hidden_size, u = static_cast<int64_t>(tree.reward_rows.size()),
                r = tree.rewards();
  const auto elements = static_cast<double>(u * h);
  const Tensor x = bench.tensor(n, h), picked = bench.tensor(u, h), normed = bench.tensor(u, h, DType::float32),
               dx = bench.tensor(u, h, DType::float32);
  const Tensor weight = bench.vector(h), d_weight = bench.vector(h), rewards = bench.vector(r),
               d_rewards = bench.vector(r);
  auto* sums = static_cast<double*>(bench.zeros(2 * sizeof(double)));
  std::vector<Comparison> pairs;
  for (int32_t i = 0; i + 1 < r; i += 2) pairs.push_back({.a = i, .b = i + 1});
  bench.add("gather_rows", shape_of({u, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().gather_rows({.y = picked, .x = x, .rows = tree.reward_rows}); });
  bench.add("scatter_rows", shape_of({u, h}), 2 * elements * kElement, 0,
            [&] { bench.ops().scatter_rows({.x = x, .y = picked, .rows = tree.reward_rows}); });
  bench.add("scatter_add_rows", shape_of({u, h}), 3 * elements * kElement, 0,
            [&] { bench.ops().scatter_add_rows({.x = x, .y = picked, .rows = tree.reward_rows}); });
  bench.add("reward_head_forward", shape_of({u, h}), 4 * elements, 0, [&] {
    bench.ops().reward_head_forward({.rewards = rewards, .x = normed, .weight = weight, .index = tree.reward_index});
  });
  bench.add("reward_head_backward", shape_of({u, h}), 8 * elements, 0, [&] {
    bench.ops().reward_head_backward({.dx = dx,
                                      .d_weight = d_weight,
                                      .d_rewards = d_rewards,
                                      .x = normed,
                                      .weight = weight,
                                      .index = tree.reward_index});
  });
  bench.add("ranking_loss", std::to_string(pairs.size()) + " pairs", 8 * static_cast<double>(r), 0, [&] {
    bench.ops().ranking_loss({.sums = sums,
                              .d_rewards = d_rewards,
                              .rewards = rewards,
                              .comparisons = pairs,
                              .total_comparisons = static_cast<int64_t>(pairs.size()),
                              .total_rewards = r,
                              .reg_coef = 0.1f});
  });
  bench.release();
}

// Of `count` parameters, in both forms.
void measure_optimizer(Bench& bench, Device& device, int64_t count) {
  const int64_t rows = count / 16;
  const auto numbers = static_cast<double>(rows * 16);
  const Tensor parameter = bench.tensor(rows, 16, DType::bfloat16, 0.02f);
  auto* squares = static_cast<double*>(bench.zeros(sizeof(double)));
  for (const DType state : {DType::bfloat16, DType::float32}) {
    const Tensor gradient = bench.tensor(rows, 16, state, 1e-3f), first = bench.tensor(rows, 16, state, 1e-3f),
                 second = bench.tensor(rows, 16, state, 0);
    const Tensor master = state == DType::float32 ? bench.tensor(rows, 16, state, 0.02f) : Tensor{};
    const std::string shape = std::string(name(state)) + " state, " + std::to_string(rows * 16);
    bench.add("sum_of_squares", shape, numbers * static_cast<double>(size_of(state)), 0,
              [&] { bench.ops().sum_of_squares({.sum = squares, .x = gradient}); });
    device.backend().zero(squares, sizeof(double));
    bench.add("adamw_update", shape, numbers * (state == DType::bfloat16 ? 16 : 34), 0, [&] {
      bench.ops().adamw_update({.parameter = parameter,
                                .master = master,
                                .gradient = gradient,
                                .first_moment = first,
                                .second_moment = second,
                                .squares = squares,
                                .max_grad_norm = 1,
                                .step = 10,
                                .learning_rate = 1e-6,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .epsilon = 1e-8,
                                .weight_decay = 0.01,
                                .seed = 1});
    });
  }
  const Tensor wide = bench.tensor(rows, 16, DType::float32);
  bench.add("cast", "float32 to bfloat16, " + std::to_string(rows * 16), 6 * numbers, 0,
            [&] { cuda::cast(parameter.data, parameter.dtype, wide.data, wide.dtype, rows * 16, device.context()); });
  bench.add("fill_normal", std::to_string(rows * 16), 2 * numbers, 0, [&] { device.fill_normal(parameter, 1, 1, 1); });
  bench.release();
}

WorkspaceRequest request_for(const model::Architecture& a, const PackedTree& tree) {
  return {tree.longest_path,
          a.num_heads,
          a.num_key_value_heads,
          a.head_size,
          std::max({a.hidden_size, a.qkv_size(), 2 * a.intermediate_size}),
          tree.rows(),
          true};
}

void measure_model(Bench& bench, Device& device, const std::string& size, int64_t rows, bool tiny) {
  const model::Architecture a = qwen(size);
  const PackedTree flat = make_tree(rows, 0, tiny ? 32 : 1024, 1, a.vocab_size),
                   shared = make_tree(rows, tiny ? 16 : 512, tiny ? 16 : 512, 4, a.vocab_size);
  bench.begin(size, flat, request_for(a, flat));
  measure_embedding(bench, a, flat);
  measure_norm(bench, a, flat);
  measure_linear(bench, a, flat);
  measure_rope(bench, a, flat);
  measure_attention(bench, device, a, flat, tiny ? "T = 32" : "T = 1024");
  measure_gated_mlp(bench, a, flat);
  measure_head(bench, a, flat);
  measure_optimizer(bench, device, tiny ? 4096 : int64_t{64} << 20);
  bench.begin(size, shared, request_for(a, shared));
  measure_attention(bench, device, a, shared, tiny ? "16 + 4 x 16" : "512 + 4 x 512");
}

// flash-attention's own benchmark: 16384 tokens, hidden size 2048, causal.
void measure_flash_shapes(Bench& bench, Device& device, bool tiny) {
  for (const int64_t head_size : {64, 128}) {
    for (int64_t length = 512; length <= (tiny ? 512 : 16384); length *= 2) {
      model::Architecture a;
      a.head_size = head_size;
      a.num_heads = a.num_key_value_heads = tiny ? 1 : 2048 / head_size;
      a.hidden_size = a.num_heads * head_size;
      const int64_t tokens = tiny ? 48 : length;
      const PackedTree tree = make_tree(tiny ? 48 : 16384, 0, tokens, 1, 1000);
      bench.begin("flash", tree, request_for(a, tree));
      measure_attention(bench, device, a, tree, "T = " + std::to_string(tokens));
    }
  }
}

double measured_copy_gigabytes(Device& device, bool tiny) {
  const int64_t bytes = tiny ? 4096 : int64_t{1} << 30;
  const auto from = device.backend().allocate(bytes, "the copy"), to = device.backend().allocate(bytes, "the copy");
  StreamTimer timer(device.context().stream);
  std::vector<double> times;
  for (int i = 0; i < (tiny ? 1 : 10); ++i) {
    timer.start();
    cuda::check(cudaMemcpyAsync(to->data(), from->data(), static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice,
                                device.context().stream),
                "cudaMemcpyAsync");
    times.push_back(timer.stop());
  }
  std::sort(times.begin(), times.end());
  return 2 * static_cast<double>(bytes) / times[times.size() / 2] * 1e-6;
}

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv, {"--models", "--rows", "--repeats", "--device", "--tiny", "--output"});
  const bool tiny = arguments.has("--tiny");
  if (kEmulated && !tiny) fail("Executed on the CPU this program takes --tiny only.");
  Device device(static_cast<int>(arguments.number("--device", 0)));
  const Speed measured{measured_gemm_teraflops(device, tiny ? 64 : 8192, tiny ? 1 : 20),
                       measured_copy_gigabytes(device, tiny)};
  const CardPeak spec = device.peak();
  Bench bench(device, measured, static_cast<int>(arguments.number("--repeats", tiny ? 1 : 20)));
  const std::string output = arguments.text("--output", "");
  json all = {
      {"card", device.card()},
      {"emulated", kEmulated},
      {"spec", spec.teraflops > 0
                   ? json({{"teraflops", spec.teraflops}, {"gigabytes_per_second", spec.gigabytes_per_second}})
                   : json(nullptr)},
      {"measured",
       {{"gemm_8192_teraflops", measured.teraflops}, {"copy_gigabytes_per_second", measured.gigabytes_per_second}}},
      {"kernels", json::array()}};
  const auto keep = [&] {
    all["kernels"] = bench.rows();
    if (!output.empty()) write_json(all, output);
  };
  std::stringstream models(arguments.text("--models", tiny ? "tiny" : "0.5B,1.5B,7B"));
  for (std::string size; std::getline(models, size, ',');) {
    measure_model(bench, device, size, arguments.number("--rows", tiny ? 80 : 8192), tiny);
    keep();
  }
  measure_flash_shapes(bench, device, tiny);
  device.ops().set_workspace(nullptr, 0);
  all["slow_products"] = device.slow_products();
  keep();
  if (output.empty()) write_json(all, output);
  return all["slow_products"].empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_kernels: %s\n", error.what());
    return 2;
  }
}
