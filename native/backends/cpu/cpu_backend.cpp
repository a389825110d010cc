// The CPU backend: a thread pool, system memory, and the kernels of ops/*/cpu.cpp behind Operations.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <string>

#include "backends/backend.h"
#include "backends/cpu/cpu_facts.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/matrix_product.h"
#include "core/error.h"
#include "core/knobs.h"
#include "ops/operations.h"

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
  explicit CpuOperations(int threads) : pool_(threads), context_{.pool = pool_} {}

  int threads() const { return pool_.size(); }

  int64_t workspace_bytes(const WorkspaceRequest& request) const override {
    // Kernels run one after another and share the workspace: the most that any of them needs.
    int64_t most = 0;
#define CHEEMS_MOST_none(name)
#define CHEEMS_MOST_scratch(name) most = std::max(most, cpu::name##_workspace(request, pool_.size()));
#define CHEEMS_MOST(name, Contract, cpu, cuda, work) CHEEMS_MOST_##cpu(name)
    CHEEMS_OPERATIONS(CHEEMS_MOST)
#undef CHEEMS_MOST
#undef CHEEMS_MOST_scratch
#undef CHEEMS_MOST_none
    return most;
  }
  void set_workspace(void* workspace, int64_t bytes) override {
    context_.workspace = static_cast<char*>(workspace);
    context_.workspace_bytes = bytes;
  }
  void begin_batch(const PackedTree&) override {}
  void set_precision(DType precision) { context_.precision = precision; }
  DType precision() const { return context_.precision; }

#define CHEEMS_DISPATCH(name, Contract, ...) \
  void name(const Contract& a) override { cpu::name(a, context_); }
  CHEEMS_OPERATIONS(CHEEMS_DISPATCH)
#undef CHEEMS_DISPATCH

 private:
  ThreadPool pool_;
  cpu::Context context_;
};

// The number of bytes at the beginning of a file ("max" and unreadable files: -1).
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
  std::string description() const override {
    return sentence(operations_.threads(), operations_.threads() == 1 ? " thread" : " threads");
  }
  DeviceFacts facts() const override { return cpu::cpu_facts(operations_.precision()); }
  std::vector<BackendNote> notes() const override {
    if (!lacks_bfloat16_) return {};
    return {{"This processor has no instructions for bfloat16 products (AVX512_BF16), so they are computed in float32.",
             1}};
  }
  Operations& operations() override { return operations_; }
  // Activations, norms, attention's scores, softmax and sums stay float32 where products are computed in bfloat16. That
  // costs little time, and leaves less than half of the error (bench/RESULTS.md).
  bool computes_in(DType precision) const override {
    return precision == DType::float32 || precision == DType::bfloat16;
  }
  DType default_precision() const override { return DType::float32; }
  DType activations(DType) const override { return DType::float32; }
  DType set_precision(DType wanted) override {
    lacks_bfloat16_ = wanted == DType::bfloat16 && !cpu::computes_bfloat16_products();
    const DType taken = lacks_bfloat16_ ? DType::float32 : wanted;
    operations_.set_precision(taken);
    return taken;
  }
  bool widens_weights() const override { return true; }

  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override {
    bytes = std::max<int64_t>(bytes, 1);
    void* data = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      fail("Out of memory: ", bytes >> 20, " MiB for ", purpose, " could not be allocated; ", available_memory() >> 20,
           " MiB are available. Lower ", knob("microBatchTokens"), " or use ", knob("gradientCheckpointing"), ".");
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

  // The kernel's MemAvailable, or what the control group of this process has left, whichever is less.
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
  std::atomic<bool> lacks_bfloat16_{false};
};

}  // namespace

std::unique_ptr<Backend> create_cpu_backend(int threads) { return std::make_unique<CpuBackend>(threads); }

}  // namespace cheems
