#include "testing/plain_backend.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"
#include "ops/operations.h"
#include "testing/plain/operations.h"

namespace cheems::testing {
namespace {

class PlainBuffer : public Buffer {
 public:
  explicit PlainBuffer(int64_t size)
      : size_(size), data_(std::calloc(static_cast<size_t>(std::max<int64_t>(size, 1)), 1)) {
    if (!data_) fail("Out of memory: ", size, " bytes for a test could not be had.");
  }
  ~PlainBuffer() override { std::free(data_); }
  PlainBuffer(const PlainBuffer&) = delete;
  void* data() const override { return data_; }
  int64_t size() const override { return size_; }

 private:
  int64_t size_;
  void* data_;
};

template <class A>
class PlainOperations : public Operations {
 public:
  int64_t workspace_bytes(const WorkspaceRequest&) const override { return 0; }
  void set_workspace(void*, int64_t) override {}
  void begin_batch(const PackedTree&) override {}

#define CHEEMS_DISPATCH(name, Contract, ...) \
  void name(const Contract& a) override { plain::name<A>(a); }
  CHEEMS_OPERATIONS(CHEEMS_DISPATCH)
#undef CHEEMS_DISPATCH
};

// Copies; pointers may be null if there is nothing to copy.
void copy(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

template <class A>
class PlainBackend : public Backend {
 public:
  std::string name() const override {
    return std::string("plain loops in ") + (sizeof(A) == sizeof(float) ? "float32" : "float64");
  }
  Operations& operations() override { return operations_; }
  bool computes_in(DType precision) const override { return precision != DType::float16; }
  DType default_precision() const override { return DType::float32; }
  bool widens_weights() const override { return true; }
  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string&) override {
    return std::make_unique<PlainBuffer>(bytes);
  }
  void upload(void* destination, const void* host, int64_t bytes) override { copy(destination, host, bytes); }
  void download(void* host, const void* source, int64_t bytes) override { copy(host, source, bytes); }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    download(host, source, bytes);
    return 0;
  }
  void finish() override {}
  void zero(void* destination, int64_t bytes) override { std::memset(destination, 0, static_cast<size_t>(bytes)); }
  int64_t available_memory() const override { return int64_t{1} << 40; }  // tests are small

 private:
  PlainOperations<A> operations_;
};

}  // namespace

template <class Accumulate>
std::unique_ptr<Backend> create_plain_backend() {
  return std::make_unique<PlainBackend<Accumulate>>();
}
template std::unique_ptr<Backend> create_plain_backend<float>();
template std::unique_ptr<Backend> create_plain_backend<double>();

}  // namespace cheems::testing
