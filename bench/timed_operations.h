// A backend whose operations are timed one by one, by whatever clock fits the backend.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "ops/operations.h"

namespace cheems::bench {

// Told before and after each operation; `flops` are those of its matrix work, 0 for others and where they are not wanted.
class OperationClock {
 public:
  virtual ~OperationClock() = default;
  virtual bool wants_flops() const { return true; }
  virtual void begin() = 0;
  virtual void end(const char* operation, double flops) = 0;
};

// Multiply-adds of attention, counted twice, that causality leaves: pairs of a query and a key in sight, over all heads.
inline double attention_flops(const PackedTree& tree, std::span<const int32_t> query_rows, const AttentionShape& shape, double products) {
  double pairs = 0;
  const auto count = [&](int32_t row) {
    const double position = tree.positions[static_cast<size_t>(row)] + 1;
    pairs += shape.window > 0 ? std::min<double>(position, static_cast<double>(shape.window)) : position;
  };
  if (query_rows.empty()) for (int32_t row = 0; row < tree.rows(); ++row) count(row);
  else for (const int32_t row : query_rows) count(row);
  return 2 * products * pairs * static_cast<double>(shape.head_size * shape.num_heads);
}

class TimedOperations : public Operations {
 public:
  TimedOperations(Operations& inner, OperationClock& clock) : inner_(inner), clock_(clock) {}
  int64_t workspace_bytes(const WorkspaceRequest& r) const override { return inner_.workspace_bytes(r); }
  void set_workspace(void* workspace, int64_t bytes) override { inner_.set_workspace(workspace, bytes); }
  void begin_batch(const PackedTree& tree) override { inner_.begin_batch(tree); }
#define TIMED(method, Argument, flop_count) \
  void method(const Argument& a) override { time(#method, [&] { return static_cast<double>(flop_count); }, [&] { inner_.method(a); }); }
  TIMED(embedding_forward, EmbeddingForward, 0)
  TIMED(embedding_backward, EmbeddingBackward, 0)
  TIMED(rmsnorm_forward, RmsNormForward, 0)
  TIMED(rmsnorm_apply, RmsNormApply, 0)
  TIMED(rmsnorm_backward, RmsNormBackward, 0)
  TIMED(activation_forward, ActivationForward, 0)
  TIMED(layernorm_forward, LayerNormForward, 0)
  TIMED(linear_forward, LinearForward, 2.0 * a.y.rows * a.y.columns * a.x.columns)
  TIMED(linear_backward_input, LinearBackwardInput, 2.0 * a.dx.rows * a.dx.columns * a.dy.columns)
  TIMED(linear_backward_weight, LinearBackwardWeight, 2.0 * a.x.rows * a.x.columns * a.dy.columns)
  TIMED(rope_forward, RopeForward, 0)
  TIMED(rope_backward, RopeBackward, 0)
  TIMED(attention_forward, AttentionForward, attention_flops(*a.tree, a.query_rows, a.shape, 2))
  TIMED(attention_backward, AttentionBackward, attention_flops(*a.tree, a.query_rows, a.shape, 5))
  TIMED(disentangled_attention_forward, DisentangledAttentionForward, 0)
  TIMED(gated_mlp_forward, GatedMlpForward, 0)
  TIMED(gated_mlp_backward, GatedMlpBackward, 0)
  TIMED(expert_routing, ExpertRouting, 0)
  TIMED(gather_expert_rows, GatherExpertRows, 0)
  TIMED(combine_expert_rows, CombineExpertRows, 0)
  TIMED(gelu_forward, GeluForward, 0)
  TIMED(gather_rows, GatherRows, 0)
  TIMED(scatter_rows, ScatterRows, 0)
  TIMED(scatter_add_rows, ScatterAddRows, 0)
  TIMED(reward_head_forward, RewardHeadForward, 0)
  TIMED(reward_head_backward, RewardHeadBackward, 0)
  TIMED(ranking_loss, RankingLoss, 0)
  TIMED(sum_of_squares, SumOfSquares, 0)
  TIMED(adamw_update, AdamWUpdate, 0)
#undef TIMED

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
  bool computes_in(DType activations) const override { return inner_.computes_in(activations); }
  DType default_activations() const override { return inner_.default_activations(); }
  bool widens_weights() const override { return inner_.widens_weights(); }
  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string& purpose) override { return inner_.allocate(bytes, purpose); }
  void upload(void* destination, const void* host, int64_t bytes) override { inner_.upload(destination, host, bytes); }
  void download(void* host, const void* source, int64_t bytes) override { inner_.download(host, source, bytes); }
  int64_t download_later(void* host, const void* source, int64_t bytes) override { return inner_.download_later(host, source, bytes); }
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
