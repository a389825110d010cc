// Where the numbers are stored and what computes on them. Models and training use this interface and never ask which
// backend they run on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace cheems {

class Operations;

// Zeroed memory of a backend, freed with the object. On the CPU its pages are allocated when first touched.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() const = 0;
  virtual int64_t size() const = 0;  // bytes
};

// A message for the user about the work that was done: a sentence, and how often it applied.
struct BackendNote {
  std::string text;
  int64_t count = 0;
};

template <class Visitor>
void describe(Visitor& visit, BackendNote& note) {
  visit("text", note.text, "A message for the user about the work that was done: a sentence.");
  visit("count", note.count, "How often it applied.");
}

// What a run's record says about its device.
struct DeviceFacts {
  // Names and values, in display order: {"name", "NVIDIA H100 80GB HBM3"}, {"driver", "580.65.06"}, …
  std::vector<std::pair<std::string, std::string>> entries;
  // What the bits of results depend on: with equal text here, they are equal.
  std::string arithmetic;
};

template <class Visitor>
void describe(Visitor& visit, DeviceFacts& facts) {
  visit("entries", facts.entries,
        "`name`, `driver`, `cuBLAS`, `SIMD target`, …: what there is of each kind of device.");
  visit("arithmetic", facts.arithmetic, "What the bits of results hang on: where this text is the same, they are.");
}

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu", "cuda:0"
  // A description for people: "2 threads, AVX2 kernels", "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB".
  virtual std::string description() const { return name(); }
  virtual DeviceFacts facts() const { return {{}, name()}; }
  virtual Operations& operations() = 0;
  // Whether matrix products may be computed in that dtype, and which one they are computed in when nobody says.
  virtual bool computes_in(DType precision) const = 0;
  virtual DType default_precision() const = 0;
  // Computes products in `wanted`, one that it computes in, from now on; or, where this machine's hardware cannot, in
  // the returned dtype, and says so in notes().
  virtual DType set_precision(DType wanted) { return wanted; }
  // What activations are held in where products are computed in `precision`.
  virtual DType activations(DType precision) const { return precision; }
  // Whether matrices of weights may have another dtype than the activations that they are multiplied with.
  virtual bool widens_weights() const = 0;
  // Throws Error, with `purpose` and the sizes, if the memory is not available.
  virtual std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) = 0;
  // In the order of the operations before and after them. `host` may be reused as soon as upload returns. download
  // waits for its numbers, and so for everything that was queued before.
  virtual void upload(void* destination, const void* host, int64_t bytes) = 0;
  virtual void download(void* host, const void* source, int64_t bytes) = 0;
  // Like download, but the numbers are valid only once the download of the returned number has arrived, or after
  // finish() or a later download.
  virtual int64_t download_later(void* host, const void* source, int64_t bytes) = 0;
  // Whether that download's numbers have arrived, without waiting; and waiting until they have, but for nothing that
  // was queued later. A backend that computes synchronously has nothing to wait for.
  virtual bool arrived(int64_t) { return true; }
  virtual void wait_for(int64_t) {}
  virtual void finish() = 0;
  virtual void zero(void* destination, int64_t bytes) = 0;
  // Bytes that can be allocated now: free device memory, or what the system calls available.
  virtual int64_t available_memory() const = 0;
  // Bytes of them that a plan leaves free by default: for what libraries load at their first use.
  virtual int64_t memory_reserve() const { return 0; }
  // Throughput grows up to this many tokens per micro-batch, so that they are worth the memory; 0: the usual number is
  // enough.
  virtual int64_t useful_micro_batch() const { return 0; }
  // About all work since the backend was created, in an order that does not change. May be called on any thread, at any
  // time.
  virtual std::vector<BackendNote> notes() const { return {}; }
  // A named range of the calling thread's work, for profilers; `number` follows the name unless it is negative. Ranges
  // are nested and end in reverse order. Use Range below. Does nothing without a profiler.
  virtual void begin_range(const char* name, int64_t number) { (void)name, (void)number; }
  virtual void end_range() {}
};

// A range from here to the end of the scope.
class Range {
 public:
  Range(Backend& backend, const char* name, int64_t number = -1) : backend_(backend) {
    backend.begin_range(name, number);
  }
  ~Range() { backend_.end_range(); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

 private:
  Backend& backend_;
};

// The CPU backend with its own pool of `threads` threads (0: one per usable core).
std::unique_ptr<Backend> create_cpu_backend(int threads);

}  // namespace cheems
