// The CPU backend: a thread pool, pages of the system's memory, and the kernels of ops/*/cpu.cpp behind Operations.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "backends/backend.h"
#include "backends/cpu/cpu_facts.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/matrix_product.h"
#include "core/error.h"

namespace cheems {
namespace {

class CpuBuffer : public Buffer {
 public:
  CpuBuffer(void* data, int64_t size) : data_(data), size_(size) {}
  ~CpuBuffer() override { munmap(data_, static_cast<size_t>(size_)); }
  void* data() const override { return data_; }
  int64_t size() const override { return size_; }

 private:
  void* data_;
  int64_t size_;
};

class CpuOperations : public Operations {
 public:
  explicit CpuOperations(int threads) : pool_(threads), context_{pool_} {}

  int threads() const { return pool_.size(); }

  int64_t workspace_bytes(const WorkspaceRequest& request) const override {
    // Kernels run one after another, so they share: the most that any of them needs.
    return std::max({cpu::matrix_product_workspace(pool_.size()), cpu::attention_workspace(request, pool_.size()),
                     cpu::disentangled_attention_workspace(request, pool_.size()),
                     request.backward ? cpu::partial_sums_workspace(request.rows, request.widest_row) : 0});
  }
  void set_workspace(void* workspace, int64_t bytes) override {
    context_.workspace = static_cast<char*>(workspace);
    context_.workspace_bytes = bytes;
  }
  void begin_batch(const PackedTree&) override {}

  void embedding_forward(const EmbeddingForward& a) override { cpu::embedding_forward(a, context_); }
  void embedding_backward(const EmbeddingBackward& a) override { cpu::embedding_backward(a, context_); }
  void rmsnorm_forward(const RmsNormForward& a) override { cpu::rmsnorm_forward(a, context_); }
  void rmsnorm_apply(const RmsNormApply& a) override { cpu::rmsnorm_apply(a, context_); }
  void rmsnorm_backward(const RmsNormBackward& a) override { cpu::rmsnorm_backward(a, context_); }
  void layernorm_forward(const LayerNormForward& a) override { cpu::layernorm_forward(a, context_); }
  void linear_forward(const LinearForward& a) override { cpu::linear_forward(a, context_); }
  void linear_backward_input(const LinearBackwardInput& a) override { cpu::linear_backward_input(a, context_); }
  void linear_backward_weight(const LinearBackwardWeight& a) override { cpu::linear_backward_weight(a, context_); }
  void rope_forward(const RopeForward& a) override { cpu::rope_forward(a, context_); }
  void rope_backward(const RopeBackward& a) override { cpu::rope_backward(a, context_); }
  void attention_forward(const AttentionForward& a) override { cpu::attention_forward(a, context_); }
  void attention_backward(const AttentionBackward& a) override { cpu::attention_backward(a, context_); }
  void disentangled_attention_forward(const DisentangledAttentionForward& a) override { cpu::disentangled_attention_forward(a, context_); }
  void gated_mlp_forward(const GatedMlpForward& a) override { cpu::gated_mlp_forward(a, context_); }
  void gated_mlp_backward(const GatedMlpBackward& a) override { cpu::gated_mlp_backward(a, context_); }
  void expert_routing(const ExpertRouting& a) override { cpu::expert_routing(a, context_); }
  void gather_expert_rows(const GatherExpertRows& a) override { cpu::gather_expert_rows(a, context_); }
  void combine_expert_rows(const CombineExpertRows& a) override { cpu::combine_expert_rows(a, context_); }
  void gelu_forward(const GeluForward& a) override { cpu::gelu_forward(a, context_); }
  void activation_forward(const ActivationForward& a) override { cpu::activation_forward(a, context_); }
  void gather_rows(const GatherRows& a) override { cpu::gather_rows(a, context_); }
  void scatter_rows(const ScatterRows& a) override { cpu::scatter_rows(a, context_); }
  void scatter_add_rows(const ScatterAddRows& a) override { cpu::scatter_add_rows(a, context_); }
  void reward_head_forward(const RewardHeadForward& a) override { cpu::reward_head_forward(a, context_); }
  void reward_head_backward(const RewardHeadBackward& a) override { cpu::reward_head_backward(a, context_); }
  void ranking_loss(const RankingLoss& a) override { cpu::ranking_loss(a, context_); }
  void sum_of_squares(const SumOfSquares& a) override { cpu::sum_of_squares(a, context_); }
  void adamw_update(const AdamWUpdate& a) override { cpu::adamw_update(a, context_); }

 private:
  ThreadPool pool_;
  cpu::Context context_;
};

// A number of bytes from a file that begins with it ("max" and unreadable files: -1).
int64_t read_number(const std::string& file) {
  std::ifstream stream(file);
  int64_t value = -1;
  return stream >> value ? value : -1;
}

// Nothing may be copied from or to null.
void copy(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

class CpuBackend : public Backend {
 public:
  explicit CpuBackend(int threads) : operations_(threads) {}

  std::string name() const override { return "cpu"; }
  std::string description() const override { return sentence(operations_.threads(), operations_.threads() == 1 ? " thread" : " threads"); }
  DeviceFacts facts() const override { return cpu::cpu_facts(); }
  Operations& operations() override { return operations_; }
  bool computes_in(DType activations) const override { return activations == DType::float32; }
  DType default_activations() const override { return DType::float32; }
  bool widens_weights() const override { return true; }

  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override {
    bytes = std::max<int64_t>(bytes, 1);
    void* data = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      fail("Out of memory: ", bytes >> 20, " MiB for ", purpose, " could not be had; ", available_memory() >> 20, " MiB are available. Lower --micro_batch_tokens or use --gradient_checkpointing.");
    }
    madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
    return std::make_unique<CpuBuffer>(data, bytes);
  }
  void upload(void* destination, const void* host, int64_t bytes) override { copy(destination, host, bytes); }
  void download(void* host, const void* source, int64_t bytes) override { copy(host, source, bytes); }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    download(host, source, bytes);
    return 0;
  }
  void finish() override {}
  void zero(void* destination, int64_t bytes) override { std::memset(destination, 0, static_cast<size_t>(bytes)); }

  // The kernel's MemAvailable, or what the control group of this process leaves, whichever is less.
  int64_t available_memory() const override {
    int64_t available = -1;
    std::ifstream meminfo("/proc/meminfo");
    for (std::string key, unit; meminfo >> key;) {
      int64_t value = 0;
      meminfo >> value >> unit;
      if (key == "MemAvailable:") available = value << 10;
      if (unit != "kB") break;
    }
    const int64_t limit = read_number("/sys/fs/cgroup/memory.max"), used = read_number("/sys/fs/cgroup/memory.current");
    if (limit > 0 && used >= 0) available = available < 0 ? limit - used : std::min(available, limit - used);
    return available < 0 ? static_cast<int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE) : available;
  }

 private:
  CpuOperations operations_;
};

}  // namespace

std::unique_ptr<Backend> create_cpu_backend(int threads) { return std::make_unique<CpuBackend>(threads); }

}  // namespace cheems
