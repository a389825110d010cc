// What each operation of the CUDA backend moves and computes, counted while its kernels are executed on the CPU, beside the floor of
// its contract (native/ops/*/*.h). Prints JSON; scripts/compile_kernels.cjs --write-table makes bench/KERNELS.md of it.
//
//   kernel_traffic [WORD]      operations with WORD in their name alone
//
// Shapes are those of Qwen2.5 0.5B and 7B. Numbers are zeros: what is moved does not depend on them. A floor counts each tensor
// once, in its real dtype, however often a kernel must come back to it.
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "core/random.h"
#include "ops/operations.h"
#include "testing/cuda_on_cpu/traffic.h"

extern "C" const char __executable_start;  // the linker's: kernels are told by their place behind it, which nm knows the names of

namespace {

using namespace cheems;
using nlohmann::json;

constexpr DType kHalf = DType::bfloat16, kFloat = DType::float32;

struct Model {
  std::string name;
  int64_t hidden, heads, key_value_heads, head_size, intermediate, qkv_columns;
};
// Of the 7B model's 28 query heads one group of 7, for time: heads are independent.
const Model kSmall{"0.5B", 896, 14, 2, 64, 4864, 1152}, kLarge{"7B", 3584, 7, 1, 128, 18944, 4608};

// `prompts` prompts with `responses` responses each.
PackedTree tree_of(int prompts, int prompt_tokens, int responses, int response_tokens) {
  RandomStream random(1, 0);
  std::vector<int32_t> tokens, offsets{0}, groups, chosen;
  // One token in three is the same, as a text's commonest; the rest are spread over a vocabulary of 2000.
  const auto token = [&] { return static_cast<int32_t>(random.next() % 3 == 0 ? 5 : random.next() % 2000); };
  for (int p = 0; p < prompts; ++p) {
    std::vector<int32_t> prompt(static_cast<size_t>(prompt_tokens));
    for (int32_t& id : prompt) id = token();
    for (int r = 0; r < responses; ++r) {
      tokens.insert(tokens.end(), prompt.begin(), prompt.end());
      tokens.push_back(r);  // responses differ from their first token on
      for (int i = 1; i < response_tokens; ++i) tokens.push_back(token());
      offsets.push_back(static_cast<int32_t>(tokens.size()));
      chosen.push_back(static_cast<int32_t>(groups.size()));
      groups.push_back(p);
    }
  }
  return pack_tree({tokens, offsets, groups}, chosen, true);
}

// Memory of the emulated device and the operations on it.
class Device {
 public:
  Device() : backend_(create_cuda_backend(0)) {}
  Tensor matrix(DType dtype, int64_t rows, int64_t columns) { return {raw(rows * columns * static_cast<int64_t>(size_of(dtype))), dtype, rows, columns,
      columns}; }
  Tensor vector(int64_t columns) { return matrix(kFloat, 1, columns); }
  void* raw(int64_t bytes) {
    memory_.push_back(backend_->allocate(bytes, "the operation that is counted"));
    return memory_.back()->data();
  }
  // For an operation as large as `request`; memory of the operation before is given back.
  Operations& operations(const PackedTree& tree, WorkspaceRequest request) {
    request.rows = tree.rows();
    request.longest_path = tree.longest_path;
    request.backward = true;
    const int64_t bytes = backend_->operations().workspace_bytes(request);
    backend_->operations().set_workspace(raw(bytes), bytes);
    backend_->operations().begin_batch(tree);
    return backend_->operations();
  }
  void clear() {
    backend_->operations().set_workspace(nullptr, 0);
    memory_.clear();
  }
  void finish() { backend_->finish(); }

 private:
  std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Buffer>> memory_;
};

struct Floor {
  double bytes, flops;
};

class Report {
 public:
  explicit Report(std::string word) : word_(std::move(word)) {}

  // `operation` is counted; what `prepare` makes and returns is called once.
  void measure(const std::string& operation, const std::string& form, const std::string& sizes, Floor floor,
      const std::function<std::function<void()>()>& prepare) {
    if (operation.find(word_) == std::string::npos) return;
    std::cerr << operation << ", " << form << ", " << sizes << "\n";
    const std::function<void()> run = prepare();
    json kernels = json::array();
    {
      const cuda_on_cpu::TrafficScope scope;
      run();
      device.finish();
      for (const auto& [name, t] : scope.all()) {
        kernels.push_back({{"name", name},
                           {"offset", static_cast<const char*>(t.kernel) - &__executable_start},
                           {"launches", t.launches},
                           {"blocks", t.blocks},
                           {"threads", t.threads},
                           {"dynamic_shared_bytes", t.shared_bytes},
                           {"load_bytes", t.global_load_bytes},
                           {"store_bytes", t.global_store_bytes},
                           {"sector_bytes", t.sector_bytes()},
                           {"bank_conflicts", t.bank_conflicts},
                           {"shared_wavefronts", t.shared_wavefronts},
                           {"mma_flops", t.mma_flops()}});
      }
    }
    device.clear();
    operations_.push_back({{"operation", operation}, {"form", form}, {"sizes", sizes}, {"floor_bytes", floor.bytes}, {"floor_flops", floor.flops},
        {"kernels", kernels}});
  }
  json result() const { return {{"operations", operations_}}; }

  Device device;

 private:
  std::string word_;
  json operations_ = json::array();
};

std::string text(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

void count_norms(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), h = m.hidden, elements = n * h;
  Device& d = report.device;
  const double per_row = 4.0 * static_cast<double>(n), size = static_cast<double>(elements);
  const WorkspaceRequest request{.widest_row = h};
  for (const DType out : {kHalf, kFloat}) {
    const double f = static_cast<double>(size_of(out));
    report.measure("rmsnorm_forward", std::string("bfloat16 to ") + name(out), text(n, h), {size * (2 + f) + per_row, 4 * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const RmsNormForward a{.y = d.matrix(out, n, h), .inverse_rms = d.vector(n), .x = d.matrix(kHalf, n, h), .weight = d.vector(h), .epsilon = 1e-6f};
      return [&ops, a] { ops.rmsnorm_forward(a); };
    });
  }
  report.measure("rmsnorm_forward", "bfloat16, and a residual", text(n, h), {size * 6 + per_row, 5 * size}, [&] {
    Operations& ops = d.operations(tree, request);
    const Tensor y = d.matrix(kHalf, n, h);
    const RmsNormForward a{.y = y, .inverse_rms = d.vector(n), .x = d.matrix(kHalf, n, h), .weight = d.vector(h), .epsilon = 1e-6f, .weight_offset = 1,
        .residual = y};
    return [&ops, a] { ops.rmsnorm_forward(a); };
  });
  report.measure("rmsnorm_apply", "bfloat16", text(n, h), {size * 4 + per_row, 2 * size}, [&] {
    Operations& ops = d.operations(tree, request);
    const RmsNormApply a{.y = d.matrix(kHalf, n, h), .x = d.matrix(kHalf, n, h), .inverse_rms = d.vector(n), .weight = d.vector(h)};
    return [&ops, a] { ops.rmsnorm_apply(a); };
  });
  for (const DType out : {kHalf, kFloat}) {
    report.measure("rmsnorm_backward", std::string("bfloat16, dy ") + name(out), text(n, h),
        {size * (6 + static_cast<double>(size_of(out))) + per_row, 9 * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const RmsNormBackward a{.dx = d.matrix(kHalf, n, h), .d_weight = d.vector(h), .dy = d.matrix(out, n, h), .x = d.matrix(kHalf, n, h),
          .inverse_rms = d.vector(n), .weight = d.vector(h)};
      return [&ops, a] { ops.rmsnorm_backward(a); };
    });
  }
}

void count_rope(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), columns = m.heads * m.head_size;
  const double size = static_cast<double>(n * columns);
  const std::string sizes = std::to_string(n) + " rows, " + std::to_string(m.heads) + " heads of " + std::to_string(m.head_size);
  Device& d = report.device;
  const WorkspaceRequest request{.num_heads = m.heads, .num_key_value_heads = m.key_value_heads, .head_size = m.head_size, .widest_row = columns};
  const auto table = [&] { return d.matrix(kFloat, tree.longest_path, m.head_size / 2); };
  for (const bool with_norm : {false, true}) {
    const std::string form = with_norm ? "bfloat16, with the heads' norm" : "bfloat16, in place";
    const auto norm_weight = [&] { return with_norm ? d.vector(m.head_size) : Tensor(); };
    report.measure("rope_forward", form, sizes, {4 * size, (with_norm ? 8 : 3) * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const Tensor x = d.matrix(kHalf, n, columns), y = with_norm ? d.matrix(kHalf, n, columns) : x;
      const RopeForward a{.y = y, .x = x, .head_size = m.head_size, .positions = tree.positions, .cosine = table(), .sine = table(),
                          .norm_weight = norm_weight(), .epsilon = 1e-6f};
      return [&ops, a] { ops.rope_forward(a); };
    });
    report.measure("rope_backward", form, sizes, {(with_norm ? 6 : 4) * size, (with_norm ? 14 : 3) * size}, [&] {
      Operations& ops = d.operations(tree, request);
      const Tensor dy = d.matrix(kHalf, n, columns), x = with_norm ? d.matrix(kHalf, n, columns) : Tensor();
      const RopeBackward a{.dx = dy, .d_norm_weight = norm_weight(), .dy = dy, .x = x, .head_size = m.head_size, .positions = tree.positions,
                           .cosine = table(), .sine = table(), .norm_weight = norm_weight(), .epsilon = 1e-6f};
      return [&ops, a] { ops.rope_backward(a); };
    });
  }
}

struct AttentionTensors {
  Tensor q, k, v, context, log_sum_exp, d_context, dq, dk, dv;
};

void count_attention(Report& report, const PackedTree& tree, const AttentionShape& shape, DType dtype, const std::string& form) {
  const int64_t n = tree.rows(), q_columns = shape.num_heads * shape.head_size, k_columns = shape.num_key_value_heads * shape.head_size;
  double pairs = 0;
  for (const int32_t position : tree.positions) pairs += static_cast<double>(shape.window > 0 ? std::min<int64_t>(position + 1, shape.window) : position + 1);
  const double products = pairs * static_cast<double>(q_columns);
  const double e = static_cast<double>(size_of(dtype)), q_bytes = e * static_cast<double>(n * q_columns), k_bytes = e * static_cast<double>(n * k_columns),
      sums = 4.0 * static_cast<double>(n * shape.num_heads);
  const std::string sizes = std::to_string(n) + " rows, " + std::to_string(shape.num_heads) + " heads of " + std::to_string(shape.head_size) +
                            ", " + std::to_string(shape.num_key_value_heads) + " of keys";
  Device& d = report.device;
  const WorkspaceRequest request{.num_heads = shape.num_heads, .num_key_value_heads = shape.num_key_value_heads, .head_size = shape.head_size,
      .widest_row = q_columns};
  const auto tensors = [&] {
    const auto q_like = [&] { return d.matrix(dtype, n, q_columns); };
    const auto k_like = [&] { return d.matrix(dtype, n, k_columns); };
    return AttentionTensors{q_like(), k_like(), k_like(), q_like(), d.matrix(kFloat, n, shape.num_heads), q_like(), q_like(), k_like(), k_like()};
  };
  report.measure("attention_forward", form, sizes, {2 * q_bytes + 2 * k_bytes + sums, 4 * products}, [&] {
    Operations& ops = d.operations(tree, request);
    const AttentionTensors t = tensors();
    return [&, t] { ops.attention_forward({.context = t.context, .log_sum_exp = t.log_sum_exp, .q = t.q, .k = t.k, .v = t.v, .tree = &tree, .query_rows = {},
        .shape = shape}); };
  });
  report.measure("attention_backward", form, sizes, {4 * q_bytes + 4 * k_bytes + sums, 10 * products}, [&] {
    Operations& ops = d.operations(tree, request);
    const AttentionTensors t = tensors();
    return [&, t] {
      ops.attention_backward({.dq = t.dq, .dk = t.dk, .dv = t.dv, .d_context = t.d_context, .context = t.context, .log_sum_exp = t.log_sum_exp, .q = t.q,
          .k = t.k, .v = t.v, .tree = &tree,
                              .query_rows = {}, .shape = shape});
    };
  });
}

void count_gated_mlp(Report& report, const PackedTree& tree, const Model& m, GateActivation activation) {
  const int64_t n = tree.rows(), i = m.intermediate;
  const double size = static_cast<double>(n * i);
  const std::string form = activation == GateActivation::silu ? "bfloat16, SwiGLU" : "bfloat16, GeGLU";
  Device& d = report.device;
  report.measure("gated_mlp_forward", form, text(n, i), {6 * size, 20 * size}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = 2 * i});
    const GatedMlpForward a{.y = d.matrix(kHalf, n, i), .gate_up = d.matrix(kHalf, n, 2 * i), .activation = activation};
    return [&ops, a] { ops.gated_mlp_forward(a); };
  });
  for (const bool with_y : {false, true}) {
    report.measure("gated_mlp_backward", form + (with_y ? ", y again" : ""), text(n, i), {(with_y ? 12 : 10) * size, 30 * size}, [&] {
      Operations& ops = d.operations(tree, {.widest_row = 2 * i});
      const Tensor gate_up = d.matrix(kHalf, n, 2 * i);
      const GatedMlpBackward a{.d_gate_up = gate_up, .y = with_y ? d.matrix(kHalf, n, i) : Tensor(), .dy = d.matrix(kHalf, n, i), .gate_up = gate_up,
          .activation = activation};
      return [&ops, a] { ops.gated_mlp_backward(a); };
    });
  }
}

// Embedding, rows, head and loss: on a batch of many samples.
void count_ends(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), h = m.hidden, r = tree.rewards(), u = static_cast<int64_t>(tree.reward_rows.size());
  const double width = static_cast<double>(h), size = static_cast<double>(n * h), distinct = static_cast<double>(tree.token_runs.size() - 1),
      picked = static_cast<double>(u) * width;
  Device& d = report.device;
  const WorkspaceRequest request{.widest_row = h};
  report.measure("embedding_forward", "bfloat16", text(n, h), {4 * size + 4.0 * static_cast<double>(n), size}, [&] {
    Operations& ops = d.operations(tree, request);
    const EmbeddingForward a{.y = d.matrix(kHalf, n, h), .table = d.matrix(kHalf, 2000, h), .tokens = tree.tokens};
    return [&ops, a] { ops.embedding_forward(a); };
  });
  for (const DType gradient : {kHalf, kFloat}) {
    report.measure("embedding_backward", std::string("bfloat16, gradient ") + name(gradient), text(n, h),
        {2 * size + 2 * static_cast<double>(size_of(gradient)) * distinct * width, size}, [&] {
      Operations& ops = d.operations(tree, request);
      const EmbeddingBackward a{.d_table = d.matrix(gradient, 2000, h), .dy = d.matrix(kHalf, n, h), .tokens = tree.tokens, .token_order = tree.token_order,
          .token_runs = tree.token_runs};
      return [&ops, a] { ops.embedding_backward(a); };
    });
  }
  report.measure("gather_rows", "bfloat16", text(u, h), {4 * picked + 4.0 * static_cast<double>(u), 0}, [&] {
    Operations& ops = d.operations(tree, request);
    const GatherRows a{.y = d.matrix(kHalf, u, h), .x = d.matrix(kHalf, n, h), .rows = tree.reward_rows};
    return [&ops, a] { ops.gather_rows(a); };
  });
  report.measure("scatter_rows", "bfloat16", text(u, h), {4 * picked + 4.0 * static_cast<double>(u), 0}, [&] {
    Operations& ops = d.operations(tree, request);
    const ScatterRows a{.x = d.matrix(kHalf, n, h), .y = d.matrix(kHalf, u, h), .rows = tree.reward_rows};
    return [&ops, a] { ops.scatter_rows(a); };
  });
  report.measure("scatter_add_rows", "bfloat16", text(u, h), {6 * picked + 4.0 * static_cast<double>(u), picked}, [&] {
    Operations& ops = d.operations(tree, request);
    const ScatterAddRows a{.x = d.matrix(kHalf, n, h), .y = d.matrix(kHalf, u, h), .rows = tree.reward_rows};
    return [&ops, a] { ops.scatter_add_rows(a); };
  });
  report.measure("reward_head_forward", "float32", text(u, h), {4 * picked, 2 * static_cast<double>(r) * width}, [&] {
    Operations& ops = d.operations(tree, request);
    const RewardHeadForward a{.rewards = d.vector(r), .x = d.matrix(kFloat, u, h), .weight = d.vector(h), .index = tree.reward_index};
    return [&ops, a] { ops.reward_head_forward(a); };
  });
  report.measure("reward_head_backward", "float32", text(u, h), {8 * picked, 4 * static_cast<double>(r) * width}, [&] {
    Operations& ops = d.operations(tree, request);
    const RewardHeadBackward a{.dx = d.matrix(kFloat, u, h), .d_weight = d.vector(h), .d_rewards = d.vector(r), .x = d.matrix(kFloat, u, h),
        .weight = d.vector(h), .index = tree.reward_index};
    return [&ops, a] { ops.reward_head_backward(a); };
  });
}

void count_loss(Report& report, const PackedTree& tree) {
  const int64_t r = tree.rewards();
  std::vector<int32_t> pairs;
  for (int32_t i = 0; i < r; ++i) pairs.insert(pairs.end(), {i, static_cast<int32_t>((i + 1) % r), i, static_cast<int32_t>((i + 3) % r)});
  const double count = static_cast<double>(pairs.size() / 2);
  Device& d = report.device;
  report.measure("ranking_loss", "float32, sums in double", std::to_string(r) + " rewards, " + std::to_string(pairs.size() / 2) + " pairs",
      {8.0 * static_cast<double>(r) + 8 * count, 0}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = 64});
    const RankingLoss a{.sums = static_cast<double*>(d.raw(16)), .d_rewards = d.vector(r), .rewards = d.vector(r), .pairs = pairs,
        .total_pairs = static_cast<int64_t>(count), .total_rewards = r, .reg_coef = 0.1f};
    return [&ops, a] { ops.ranking_loss(a); };
  });
}

// The bias' parts of a matrix product; the product itself is cuBLASLt's, and our own only where that has none.
void count_linear(Report& report, const PackedTree& tree, const Model& m) {
  const int64_t n = tree.rows(), out = m.qkv_columns, in = 8;
  Device& d = report.device;
  report.measure("linear_forward", "bfloat16, its bias (product by cuBLASLt)", text(n, out), {6.0 * static_cast<double>(out), 0}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = out});
    const LinearForward a{.y = d.matrix(kHalf, n, out), .x = d.matrix(kHalf, n, in), .weight = d.matrix(kHalf, out, in), .bias = d.vector(out), .residual = {}};
    return [&ops, a] { ops.linear_forward(a); };
  });
  report.measure("linear_backward_weight", "bfloat16, its bias (product by cuBLASLt)", text(n, out),
      {2.0 * static_cast<double>(n * out) + 8.0 * static_cast<double>(out), static_cast<double>(n * out)}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = out});
    const LinearBackwardWeight a{.d_weight = d.matrix(kHalf, out, in), .d_bias = d.vector(out), .dy = d.matrix(kHalf, n, out), .x = d.matrix(kHalf, n, in)};
    return [&ops, a] { ops.linear_backward_weight(a); };
  });
}
void count_own_product(Report& report, const PackedTree& tree) {
  const int64_t rows = 129, in = 65, out = 67;  // strides that cuBLASLt has no algorithm for
  Device& d = report.device;
  report.measure("linear_forward", "bfloat16, not aligned", "129 x 65 by 67",
      {2.0 * static_cast<double>(rows * in + in * out + rows * out), 2.0 * static_cast<double>(rows * in * out)}, [&] {
    Operations& ops = d.operations(tree, {.widest_row = out});
    const LinearForward a{.y = d.matrix(kHalf, rows, out), .x = d.matrix(kHalf, rows, in), .weight = d.matrix(kHalf, out, in), .bias = {}, .residual = {}};
    return [&ops, a] { ops.linear_forward(a); };
  });
}

void count_optimiser(Report& report, const PackedTree& tree, int64_t rows, int64_t columns) {
  const double size = static_cast<double>(rows * columns);
  Device& d = report.device;
  for (const DType gradient : {kHalf, kFloat}) {
    report.measure("sum_of_squares", name(gradient), text(rows, columns), {static_cast<double>(size_of(gradient)) * size, 2 * size}, [&] {
      Operations& ops = d.operations(tree, {.widest_row = columns});
      const SumOfSquares a{.sum = static_cast<double*>(d.raw(8)), .x = d.matrix(gradient, rows, columns)};
      return [&ops, a] { ops.sum_of_squares(a); };
    });
  }
  struct Form {
    const char* name;
    DType parameter, gradient, state;
    double bytes;  // adamw/cuda.cu
  };
  for (const Form& f : {Form{"float32", kFloat, kFloat, kFloat, 32},
      Form{"bfloat16 with float32 master and state, gradient bfloat16", kHalf, kHalf, kFloat, 30},
                        Form{"bfloat16 with float32 master and state, gradient float32", kHalf, kFloat, kFloat, 34},
                            Form{"bfloat16 state, gradient bfloat16", kHalf, kHalf, kHalf, 16},
                        Form{"bfloat16 state, gradient float32", kHalf, kFloat, kHalf, 20}}) {
    report.measure("adamw_update", f.name, text(rows, columns), {f.bytes * size, 15 * size}, [&] {
      Operations& ops = d.operations(tree, {.widest_row = columns});
      const bool master = f.parameter == kHalf && f.state == kFloat;
      const AdamWUpdate a{.parameter = d.matrix(f.parameter, rows, columns), .master = master ? d.matrix(kFloat, rows, columns) : Tensor(),
          .gradient = d.matrix(f.gradient, rows, columns),
                          .first_moment = d.matrix(f.state, rows, columns), .second_moment = d.matrix(f.state, rows, columns),
                              .squares = static_cast<const double*>(d.raw(8)), .max_grad_norm = 1,
                          .step = 1, .learning_rate = 1e-5, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1, .seed = 1};
      return [&ops, a] { ops.adamw_update(a); };
    });
  }
}

json count(const std::string& word) {
  Report report(word);
  const PackedTree long_tree = tree_of(1, 256, 2, 256), tall_tree = tree_of(4, 256, 2, 256), wide_tree = tree_of(8, 8, 8, 16);
  for (const Model& m : {kSmall, kLarge}) {
    count_ends(report, wide_tree, m);
    count_norms(report, tall_tree, m);
    count_linear(report, tall_tree, m);
    count_rope(report, tall_tree, m);
    const float scale = 0.1f;
    count_attention(report, long_tree, {m.heads, m.key_value_heads, m.head_size, 0, scale, 0}, kHalf, "bfloat16");
    count_gated_mlp(report, long_tree, m, GateActivation::silu);
    count_optimiser(report, wide_tree, m.hidden == 896 ? 256 : 64, m.hidden);
  }
  count_own_product(report, wide_tree);
  count_loss(report, wide_tree);
  count_gated_mlp(report, wide_tree, {"Gemma 2", 2304, 8, 4, 256, 9216, 4096}, GateActivation::gelu_tanh);
  for (const int64_t head_size : {80, 256}) count_attention(report, long_tree, {2, 1, head_size, 0, 0.1f, 0}, kHalf, "bfloat16");
  count_attention(report, long_tree, {2, 1, 64, 128, 0.1f, 50}, kHalf, "bfloat16, window 128, soft cap");
  count_attention(report, wide_tree, {2, 1, 64, 0, 0.1f, 0}, kFloat, "float32, for checks");
  return report.result();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::cout << count(argc > 1 ? argv[1] : "").dump(1) << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
