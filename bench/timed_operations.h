// A backend whose operations are timed one by one, with a clock that fits the backend.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "ops/operations.h"
#include "ops/work.h"

namespace cheems::bench {

// Called before and after each operation; `flops` are those of its matrix work, 0 for other operations or if not
// requested.
class OperationClock {
 public:
  virtual ~OperationClock() = default;
  virtual bool wants_flops() const { return true; }
  virtual void begin() = 0;
  virtual void end(const char* operation, double flops) = 0;
};

class TimedOperations : public Operations {
 public:
  TimedOperations(Operations& inner, OperationClock& clock) : inner_(inner), clock_(clock) {}
  int64_t workspace_bytes(const WorkspaceRequest& r) const override { return inner_.workspace_bytes(r); }
  void set_workspace(void* workspace, int64_t bytes) override { inner_.set_workspace(workspace, bytes); }
  void begin_batch(const PackedTree& tree) override { inner_.begin_batch(tree); }
#define CHEEMS_WORK_none(name) 0.0
#define CHEEMS_WORK_products(name) name##_work(a)
#define CHEEMS_TIMED(name, Contract, cpu, cuda, work)                              \
  void name(const Contract& a) override {                                          \
    time(                                                                          \
        #name, [&] { return CHEEMS_WORK_##work(name); }, [&] { inner_.name(a); }); \
  }
  CHEEMS_OPERATIONS(CHEEMS_TIMED)
#undef CHEEMS_TIMED
#undef CHEEMS_WORK_products
#undef CHEEMS_WORK_none

 private:
  template <class Flops, class Body>
  void time(const char* name, Flops flops, Body body) {
    const double count = clock_.wants_flops() ? flops() : 0;
    clock_.begin();
    body();
    clock_.end(name, count);
  }
  Operations& inner_;
  OperationClock& clock_;
};

// Both `inner` and `clock` outlive it.
class TimedBackend : public Backend {
 public:
  TimedBackend(Backend& inner, OperationClock& clock) : inner_(inner), operations_(inner.operations(), clock) {}
  std::string name() const override { return inner_.name(); }
  std::string description() const override { return inner_.description(); }
  DeviceFacts facts() const override { return inner_.facts(); }
  Operations& operations() override { return operations_; }
  bool computes_in(DType precision) const override { return inner_.computes_in(precision); }
  DType default_precision() const override { return inner_.default_precision(); }
  DType activations(DType precision) const override { return inner_.activations(precision); }
  DType set_precision(DType wanted) override { return inner_.set_precision(wanted); }
  bool widens_weights() const override { return inner_.widens_weights(); }
  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override {
    return inner_.allocate(bytes, purpose);
  }
  void upload(void* destination, const void* host, int64_t bytes) override { inner_.upload(destination, host, bytes); }
  void download(void* host, const void* source, int64_t bytes) override { inner_.download(host, source, bytes); }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    return inner_.download_later(host, source, bytes);
  }
  bool arrived(int64_t download) override { return inner_.arrived(download); }
  void wait_for(int64_t download) override { inner_.wait_for(download); }
  void finish() override { inner_.finish(); }
  void zero(void* destination, int64_t bytes) override { inner_.zero(destination, bytes); }
  int64_t available_memory() const override { return inner_.available_memory(); }
  int64_t memory_reserve() const override { return inner_.memory_reserve(); }
  int64_t useful_micro_batch() const override { return inner_.useful_micro_batch(); }
  void begin_range(const char* name, int64_t number) override { inner_.begin_range(name, number); }
  void end_range() override { inner_.end_range(); }

 private:
  Backend& inner_;
  TimedOperations operations_;
};

}  // namespace cheems::bench
