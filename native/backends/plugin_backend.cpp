#include "backends/plugin_backend.h"

#include <array>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "core/error.h"

namespace cheems {
namespace {

void throw_again(PluginOutcome outcome, const char* text) {
  if (outcome == PluginOutcome::error) throw Error(text);
  if (outcome == PluginOutcome::failure) throw std::runtime_error(text);
}

template <class Object, class Result, class... Parameters, class... Arguments>
Result call(PluginOutcome (*function)(PluginText, Object&, Result*, Parameters...),
            std::type_identity_t<Object>& object, Arguments&&... arguments) {
  std::array<char, 4096> text;  // written only if the call fails
  const PluginText to{text.data(), static_cast<int64_t>(text.size())};
  if constexpr (std::is_void_v<Result>) {
    throw_again(function(to, object, nullptr, std::forward<Arguments>(arguments)...), text.data());
  } else {
    Result result{};
    throw_again(function(to, object, &result, std::forward<Arguments>(arguments)...), text.data());
    return result;
  }
}

class PluginOperations : public Operations {
 public:
  PluginOperations(Operations& inner, const OperationsCalls& calls) : inner_(inner), calls_(calls) {}

  int64_t workspace_bytes(const WorkspaceRequest& request) const override {
    return call(calls_.workspace_bytes, inner_, request);
  }
  void set_workspace(void* workspace, int64_t bytes) override { call(calls_.set_workspace, inner_, workspace, bytes); }
  void begin_batch(const PackedTree& tree) override { call(calls_.begin_batch, inner_, tree); }
#define CHEEMS_FORWARD(name, Contract, ...) \
  void name(const Contract& a) override { call(calls_.name, inner_, a); }
  CHEEMS_OPERATIONS(CHEEMS_FORWARD)
#undef CHEEMS_FORWARD

 private:
  Operations& inner_;
  const OperationsCalls& calls_;
};

// Every virtual function of Backend is here (plugin_backend_test.cpp checks this); those that cannot throw are called
// directly.
class PluginBackend : public Backend {
 public:
  PluginBackend(std::unique_ptr<Backend> inner, const PluginCalls& calls)
      : inner_(std::move(inner)), calls_(calls.backend), operations_(inner_->operations(), calls.operations) {}

  std::string name() const override { return call(calls_.name, *inner_); }
  std::string description() const override { return call(calls_.description, *inner_); }
  DeviceFacts facts() const override { return call(calls_.facts, *inner_); }
  Operations& operations() override { return operations_; }
  bool computes_in(DType precision) const override { return inner_->computes_in(precision); }
  DType default_precision() const override { return inner_->default_precision(); }
  DType set_precision(DType wanted) override { return inner_->set_precision(wanted); }
  DType activations(DType precision) const override { return inner_->activations(precision); }
  bool widens_weights() const override { return inner_->widens_weights(); }
  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override {
    return call(calls_.allocate, *inner_, bytes, purpose);
  }
  void upload(void* destination, const void* host, int64_t bytes) override {
    call(calls_.upload, *inner_, destination, host, bytes);
  }
  void download(void* host, const void* source, int64_t bytes) override {
    call(calls_.download, *inner_, host, source, bytes);
  }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    return call(calls_.download_later, *inner_, host, source, bytes);
  }
  bool arrived(int64_t download) override { return call(calls_.arrived, *inner_, download); }
  void wait_for(int64_t download) override { call(calls_.wait_for, *inner_, download); }
  void finish() override { call(calls_.finish, *inner_); }
  void zero(void* destination, int64_t bytes) override { call(calls_.zero, *inner_, destination, bytes); }
  int64_t available_memory() const override { return call(calls_.available_memory, *inner_); }
  int64_t memory_reserve() const override { return inner_->memory_reserve(); }
  int64_t useful_micro_batch() const override { return inner_->useful_micro_batch(); }
  std::vector<BackendNote> notes() const override { return call(calls_.notes, *inner_); }
  void begin_range(const char* name, int64_t number) override { inner_->begin_range(name, number); }
  void end_range() override { inner_->end_range(); }

 private:
  std::unique_ptr<Backend> inner_;
  const BackendCalls& calls_;
  PluginOperations operations_;
};

}  // namespace

std::unique_ptr<Backend> backend_of_plugin(std::unique_ptr<Backend> backend, const PluginCalls& calls) {
  return std::make_unique<PluginBackend>(std::move(backend), calls);
}

}  // namespace cheems
