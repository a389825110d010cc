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
#include "gpu_common.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

struct Measurement {
  Measure measure;
  bool every_tree;
};
std::vector<Measurement>& measurements() {
  static std::vector<Measurement> all;
  return all;
}

}  // namespace

Registered::Registered(Measure measure, bool every_tree) { measurements().push_back({measure, every_tree}); }

}  // namespace cheems::bench

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

struct Speed {
  double teraflops, gigabytes_per_second;
};

class KernelBench final : public Bench {
 public:
  KernelBench(Device& device, const Speed& measured, int repeats)
      : device_(device), measured_(measured), repeats_(repeats), timer_(device) {}

  Operations& ops() override { return device_.ops(); }
  cuda::Context& context() override { return device_.context(); }
  // What follows is of this model; `tree` lives until the next call.
  void begin(const std::string& model, const PackedTree& tree, const WorkspaceRequest& request) {
    model_ = model;
    ops().set_workspace(nullptr, 0);
    memory_.clear();
    workspace_ = device_.backend().allocate(ops().workspace_bytes(request), "the kernels' workspace");
    ops().set_workspace(workspace_->data(), workspace_->size());
    ops().begin_batch(tree);
  }
  Tensor tensor(int64_t rows, int64_t columns, DType dtype = DType::bfloat16, float deviation = 1) override {
    memory_.push_back(device_.backend().allocate(rows * columns * static_cast<int64_t>(size_of(dtype)), "an operand"));
    const Tensor made{memory_.back()->data(), dtype, rows, columns, columns};
    device_.fill_normal(made, deviation, 1, ++streams_);
    return made;
  }
  void* zeros(int64_t bytes) override {
    memory_.push_back(device_.backend().allocate(bytes, "an operand"));
    device_.backend().zero(memory_.back()->data(), bytes);
    return memory_.back()->data();
  }
  const int32_t* integers(const std::vector<int32_t>& values) override {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(int32_t));
    memory_.push_back(device_.backend().allocate(bytes, "an operand"));
    device_.backend().upload(memory_.back()->data(), values.data(), bytes);
    return static_cast<const int32_t*>(memory_.back()->data());
  }
  void release() override {
    device_.backend().finish();
    memory_.clear();
  }

  void add(const std::string& operation, const std::string& shape, double bytes, double flops,
           const std::function<void()>& body) override {
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
  bool has(const std::string& operation) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const json& row) { return row["operation"] == operation; });
  }

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

// What no operation of the list does.
void measure_copies(KernelBench& bench, Device& device, int64_t count) {
  const int64_t rows = count / 16;
  const auto numbers = static_cast<double>(rows * 16);
  const Tensor narrow = bench.tensor(rows, 16, DType::bfloat16, 0.02f), wide = bench.tensor(rows, 16, DType::float32);
  bench.add("cast", "float32 to bfloat16, " + std::to_string(rows * 16), 6 * numbers, 0,
            [&] { cuda::cast(narrow.data, narrow.dtype, wide.data, wide.dtype, rows * 16, device.context()); });
  bench.add("fill_normal", std::to_string(rows * 16), 2 * numbers, 0, [&] { device.fill_normal(narrow, 1, 1, 1); });
  bench.release();
}

WorkspaceRequest request_for(const model::Architecture& a, const PackedTree& tree) {
  return {tree.longest_path,
          a.num_heads,
          a.num_key_value_heads,
          a.head_size,
          std::max({a.hidden_size, a.qkv_size(), 2 * a.intermediate_size}),
          tree.rows(),
          true,
          512};
}

Case case_of(const model::Architecture& a, const PackedTree& tree, const std::string& tree_name, bool tiny) {
  return {.hidden_size = a.hidden_size,
          .intermediate_size = a.intermediate_size,
          .num_heads = a.num_heads,
          .num_key_value_heads = a.num_key_value_heads,
          .head_size = a.head_size,
          .vocab_size = a.vocab_size,
          .parameters = tiny ? 4096 : int64_t{64} << 20,
          .tree = &tree,
          .tree_name = tree_name};
}

void measure_tree(KernelBench& bench, const model::Architecture& a, const std::string& model, const PackedTree& tree,
                  const std::string& tree_name, bool whole, bool tiny) {
  bench.begin(model, tree, request_for(a, tree));
  for (const Measurement& m : measurements()) {
    if (whole || m.every_tree) m.measure(bench, case_of(a, tree, tree_name, tiny));
  }
}

void measure_model(KernelBench& bench, Device& device, const std::string& size, int64_t rows, bool tiny) {
  const model::Architecture a = qwen(size);
  const PackedTree flat = make_tree(rows, 0, tiny ? 32 : 1024, 1, a.vocab_size),
                   shared = make_tree(rows, tiny ? 16 : 512, tiny ? 16 : 512, 4, a.vocab_size);
  measure_tree(bench, a, size, flat, tiny ? "T = 32" : "T = 1024", true, tiny);
  measure_copies(bench, device, tiny ? 4096 : int64_t{64} << 20);
  measure_tree(bench, a, size, shared, tiny ? "16 + 4 x 16" : "512 + 4 x 512", false, tiny);
}

// flash-attention's own benchmark: 16384 tokens, hidden size 2048, causal.
void measure_flash_shapes(KernelBench& bench, bool tiny) {
  for (const int64_t head_size : {64, 128}) {
    for (int64_t length = 512; length <= (tiny ? 512 : 16384); length *= 2) {
      model::Architecture a;
      a.head_size = head_size;
      a.num_heads = a.num_key_value_heads = tiny ? 1 : 2048 / head_size;
      a.hidden_size = a.num_heads * head_size;
      const int64_t tokens = tiny ? 48 : length;
      const PackedTree tree = make_tree(tiny ? 48 : 16384, 0, tokens, 1, 1000);
      measure_tree(bench, a, "flash", tree, "T = " + std::to_string(tokens), false, tiny);
    }
  }
}

// Each operation of the list must have been measured.
void require_every_operation(const KernelBench& bench) {
#define CHEEMS_REQUIRE(name, ...) \
  if (!bench.has(#name))          \
    fail("The operation " #name " has no case: bench.cpp in its folder under native/ops/ must register one.");
  CHEEMS_OPERATIONS(CHEEMS_REQUIRE)
#undef CHEEMS_REQUIRE
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
  KernelBench bench(device, measured, static_cast<int>(arguments.number("--repeats", tiny ? 1 : 20)));
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
  require_every_operation(bench);
  measure_flash_shapes(bench, tiny);
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
