// Shared by the GPU benchmarks: the device, Qwen2.5's shapes, cards' peaks, and timing on the stream. Compiled for a
// GPU and, at tiny sizes, for the CUDA backend executed on the CPU (to show that the programs run; its times say
// nothing).
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/cuda_operations.h"
#include "backends/cuda/errors.h"
#include "core/error.h"
#include "model/architecture.h"
#include "ops/fill/fill.h"
#include "ops/linear/linear.h"

namespace cheems::bench {

#ifdef CHEEMS_CUDA_ON_CPU
constexpr bool kEmulated = true;
#else
constexpr bool kEmulated = false;
#endif

// What a card's data sheet says, without sparsity: bfloat16 with float32 accumulation, and its memory. 0 where unknown.
struct CardPeak {
  const char* part_of_name;  // of what the driver calls it; the first that fits counts
  double teraflops, gigabytes_per_second;
};
constexpr CardPeak kCards[] = {
    {"H100 PCIe", 756, 2039},    {"H100 NVL", 835.5, 3938}, {"H100", 989.4, 3352},     {"H200", 989.4, 4800},
    {"A100-SXM4-80", 312, 2039}, {"A100 80GB", 312, 1935},  {"A100", 312, 1555},       {"L40S", 362, 864},
    {"L40", 181, 864},           {"L4", 121, 300},          {"RTX 4090", 165.2, 1008}, {"RTX 3090", 71, 936},
    {"RTX 5090", 209.5, 1792},
};
inline CardPeak peak_of(const std::string& name) {
  for (const CardPeak& card : kCards) {
    if (name.find(card.part_of_name) != std::string::npos) return card;
  }
  return {"", 0, 0};
}

// The CUDA backend, and the way to its stream that only benchmarks need.
class Device {
 public:
  explicit Device(int number) : backend_(create_cuda_backend(number)) {
    cuda::check(cudaGetDeviceProperties(&properties_, number), "cudaGetDeviceProperties");
  }
  Backend& backend() { return *backend_; }
  Operations& ops() { return backend_->operations(); }
  cuda::Context& context() { return static_cast<cuda::CudaOperations&>(backend_->operations()).context(); }
  std::string card() const { return properties_.name; }
  CardPeak peak() const { return peak_of(card()); }
  // The products of these models all have an algorithm of cuBLASLt's. Those that had none, each told on stderr too:
  // figures with them are none, and the program must fail.
  nlohmann::json slow_products() const {
    auto slow = nlohmann::json::array();
    for (const auto& [text, count] : backend_->notes()) {
      std::fprintf(stderr, "%lld times: %s\n", static_cast<long long>(count), text.c_str());
      slow.push_back({{"text", text}, {"count", count}});
    }
    return slow;
  }
  int64_t used_memory() const {
    size_t free = 0, total = 0;
    cuda::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return static_cast<int64_t>(total - free);
  }
  void fill_normal(const Tensor& contiguous, float deviation, uint64_t seed, uint64_t stream) {
    cuda::fill_normal(contiguous.data, contiguous.dtype, contiguous.rows * contiguous.columns, deviation, seed, stream,
                      context());
  }

 private:
  std::unique_ptr<Backend> backend_;
  cudaDeviceProp properties_{};
};

// Milliseconds of the work put on the stream between start() and stop().
class StreamTimer {
 public:
  explicit StreamTimer(cudaStream_t stream) : stream_(stream) {
    cuda::check(cudaEventCreate(&begin_), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~StreamTimer() {
    (void)cudaEventDestroy(begin_);
    (void)cudaEventDestroy(end_);
  }
  StreamTimer(const StreamTimer&) = delete;
  void start() { cuda::check(cudaEventRecord(begin_, stream_), "cudaEventRecord"); }
  double stop() {
    float milliseconds = 0;
    cuda::check(cudaEventRecord(end_, stream_), "cudaEventRecord");
    cuda::check(cudaEventSynchronize(end_), "cudaEventSynchronize");
    cuda::check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return static_cast<double>(milliseconds);
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

struct Times {
  double median = 0, lowest = 0;  // milliseconds
};

// `body` puts one operation on the stream. Before each timed one a buffer larger than any L2 cache is overwritten: the
// operation finds its operands in memory, and by the time the buffer is done the host has queued all that is timed.
class ColdTimer {
 public:
  explicit ColdTimer(Device& device)
      : device_(device),
        timer_(device.context().stream),
        flush_(device.backend().allocate(kFlushBytes, "flushing the L2 cache")) {}
  Times measure(int repeats, const std::function<void()>& body) {
    for (int i = 0; i < (kEmulated ? 1 : 3); ++i) body();
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) {
      device_.backend().zero(flush_->data(), flush_->size());
      timer_.start();
      body();
      times.push_back(timer_.stop());
    }
    std::sort(times.begin(), times.end());
    return {times[times.size() / 2], times.front()};
  }

 private:
  static constexpr int64_t kFlushBytes = kEmulated ? 4096 : int64_t{512} << 20;
  Device& device_;
  StreamTimer timer_;
  std::unique_ptr<Buffer> flush_;
};

// cuBLASLt's own speed on this card: C = A B^T, all [size, size] bfloat16, with the same call as the linear layers.
inline double measured_gemm_teraflops(Device& device, int64_t size, int repeats) {
  const auto memory = device.backend().allocate(3 * size * size * 2, "the matrices of the peak");
  const auto workspace = device.backend().allocate(cuda::kCublasLtWorkspaceBytes, "cuBLASLt's workspace");
  const auto matrix = [&](int64_t number) {
    return Tensor{static_cast<char*>(memory->data()) + number * size * size * 2, DType::bfloat16, size, size, size};
  };
  for (int64_t number = 0; number < 2; ++number)
    device.fill_normal(matrix(number), 1, 1, static_cast<uint64_t>(number));
  device.ops().set_workspace(workspace->data(), workspace->size());
  StreamTimer timer(device.context().stream);
  std::vector<double> times;
  for (int i = -2; i < repeats; ++i) {
    timer.start();
    device.ops().linear_forward({.y = matrix(2), .x = matrix(0), .weight = matrix(1), .bias = {}, .residual = {}});
    const double time = timer.stop();
    if (i >= 0) times.push_back(time);
  }
  device.ops().set_workspace(nullptr, 0);
  std::sort(times.begin(), times.end());
  return 2.0 * static_cast<double>(size * size * size) / times[times.size() / 2] * 1e-9;
}

// Qwen2.5's shapes: "0.5B", "1.5B", "7B", and "tiny" for the emulation.
inline model::Architecture qwen(const std::string& size) {
  model::Architecture a;
  a.family = "qwen2";
  a.class_prefix = "Qwen2";
  a.max_position_embeddings = 32768;
  a.rope.theta = 1e6;
  a.qkv_bias = true;
  a.tied_embeddings = size != "7B";
  const auto set = [&](int64_t hidden, int64_t layers, int64_t heads, int64_t key_value_heads, int64_t head_size,
                       int64_t intermediate, int64_t vocab) {
    a.hidden_size = hidden, a.num_layers = layers, a.num_heads = heads, a.num_key_value_heads = key_value_heads;
    a.head_size = head_size, a.intermediate_size = intermediate, a.vocab_size = vocab;
    a.windows.assign(static_cast<size_t>(layers), 0);
  };
  if (size == "0.5B") set(896, 24, 14, 2, 64, 4864, 151936);
  else if (size == "1.5B") set(1536, 28, 12, 2, 128, 8960, 151936);
  else if (size == "7B") set(3584, 28, 28, 4, 128, 18944, 152064);
  else if (size == "tiny") set(128, 2, 2, 1, 64, 192, 512);
  else fail("There is no size ", size, "; there are 0.5B, 1.5B, 7B and tiny.");
  return a;
}

// The number of weights that are multiplied with each token.
inline double matrix_weights(const model::Architecture& a) {
  const auto layer = a.hidden_size * (a.qkv_size() + a.query_size() + 3 * a.intermediate_size);
  return static_cast<double>(a.num_layers * layer);
}

// Writes the file atomically; without a file name, writes to standard output.
inline void write_json(const nlohmann::json& all, const std::string& file) {
  if (file.empty()) {
    std::printf("%s\n", all.dump(2).c_str());
    return;
  }
  const std::string temporary = file + ".new";
  std::ofstream stream(temporary);
  stream << all.dump(2) << "\n";
  stream.close();
  if (!stream) fail(temporary, " could not be written.");
  std::filesystem::rename(temporary, file);
}

// Parses --name value pairs and --flags. Throws Error for unknown ones.
class Arguments {
 public:
  Arguments(int argc, char** argv, std::vector<std::string> known) {
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        std::string all;
        for (const auto& each : known) all += " " + each;
        fail("There is no option ", name, "; there are:", all, ".");
      }
      const bool has_value = i + 1 < argc && std::string(argv[i + 1]).rfind("--", 0) != 0;
      values_.emplace_back(name, has_value ? argv[++i] : "");
    }
  }
  bool has(const std::string& name) const { return find(name) != nullptr; }
  std::string text(const std::string& name, const std::string& otherwise) const {
    return find(name) ? *find(name) : otherwise;
  }
  int64_t number(const std::string& name, int64_t otherwise) const {
    return find(name) ? std::stoll(*find(name)) : otherwise;
  }

 private:
  const std::string* find(const std::string& name) const {
    for (const auto& [known, value] : values_) {
      if (known == name) return &value;
    }
    return nullptr;
  }
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace cheems::bench
