// Where the numbers live and who computes on them. Models and training work through this interface
// and never ask which backend they run on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace cheems {

class Operations;

// Zeroed memory of a backend, freed with the object. On the CPU its pages are taken when first touched.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() const = 0;
  virtual int64_t size() const = 0;  // bytes
};

// What the user should know of the work that was done: a sentence, and how often it came about.
struct BackendNote {
  std::string text;
  int64_t count = 0;
};

template <class Visitor>
void describe(Visitor& visit, BackendNote& note) {
  visit("text", note.text, "What the user should know of the work that was done: a sentence.");
  visit("count", note.count, "How often it came about.");
}

// What a run's record says of its device.
struct DeviceFacts {
  // Names and values, in the order to be shown: {"name", "NVIDIA H100 80GB HBM3"}, {"driver", "580.65.06"}, …
  std::vector<std::pair<std::string, std::string>> entries;
  // What the bits of results hang on: where this text is the same, they are.
  std::string arithmetic;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu", "cuda:0"
  // What it is, for people: "2 threads, AVX2 kernels", "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB".
  virtual std::string description() const { return name(); }
  virtual DeviceFacts facts() const { return {{}, name()}; }
  virtual Operations& operations() = 0;
  // Whether activations may have that dtype, and which one they have when nobody says.
  virtual bool computes_in(DType activations) const = 0;
  virtual DType default_activations() const = 0;
  // Whether matrices of weights may be of another dtype than the activations they meet.
  virtual bool widens_weights() const = 0;
  // Throws Error, naming `purpose` and the sizes, when the memory is not to be had.
  virtual std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) = 0;
  // In the order of the operations around them. `host` may be reused as soon as upload returns; download waits until
  // the numbers are there, and so for all that was asked for before.
  virtual void upload(void* destination, const void* host, int64_t bytes) = 0;
  virtual void download(void* host, const void* source, int64_t bytes) = 0;
  // As download, but the numbers are there only once the download of the returned number has arrived, or after finish()
  // or a later download.
  virtual int64_t download_later(void* host, const void* source, int64_t bytes) = 0;
  // Whether that download's numbers are there, without waiting; and waiting until they are, but for nothing that was
  // asked for after it. A backend that computes at once has nothing to wait for.
  virtual bool arrived(int64_t) { return true; }
  virtual void wait_for(int64_t) {}
  virtual void finish() = 0;
  virtual void zero(void* destination, int64_t bytes) = 0;
  // Bytes that a new allocation could take now: free device memory, or what the system calls available.
  virtual int64_t available_memory() const = 0;
  // Bytes of them that a plan leaves alone when nobody says how many: for what libraries load at their first use.
  virtual int64_t memory_reserve() const { return 0; }
  // Tokens of a micro-batch up to which throughput grows, so that they are worth the memory; 0: the usual number is
  // enough.
  virtual int64_t useful_micro_batch() const { return 0; }
  // Of all work since the backend was made, in an order that does not change. May be asked on any thread, at any time.
  virtual std::vector<BackendNote> notes() const { return {}; }
  // A named stretch of the calling thread's work, for profilers; `number` follows the name unless it is negative.
  // Ranges are nested, and ended in the reverse order. Use Range below. Nothing where nobody profiles.
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
