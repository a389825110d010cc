// AdamW's state for all parameters of a model, and the update with clipping by the global norm.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/memory_plan.h"
#include "model/reward_model.h"
#include "training/trainer.h"

namespace cheems::training {

class Optimizer {
 public:
  // `state` is the dtype of the moments and of the matrices' gradients: float32, or bfloat16 with a model whose matrices are
  // bfloat16, whose updates are then rounded stochastically by `seed`.
  Optimizer(model::RewardModel& model, DType state, uint64_t seed);

  // Backward passes add to them, update() clears them.
  const model::ModelTensors& gradients() const { return gradient_tensors_; }
  // Tells which embedding rows the gradients touch, before update(): all tokens of the batch.
  void mark_tokens(std::span<const int32_t> tokens);
  // Clips and updates; returns the norm before clipping. Throws Error, with nothing changed but cleared
  // gradients, when the norm is not finite.
  double update(const OptimizerStep& step);
  void clear_gradients();

  // The moments, and of a model whose weights are rounded the float32 copy, which its own file does not hold.
  void save(const std::string& path) const;
  void load(const std::string& path);
  // Bytes of that file, for weights that are trained in `weight_dtype`.
  static int64_t saved_bytes(const model::Architecture& architecture, DType state, DType weight_dtype);
  static void plan(const model::Architecture& architecture, DType state, MemoryPlan& plan);

 private:
  // The embedding, the other matrices and the vectors.
  struct Range {
    Tensor parameter, master, gradient, first_moment, second_moment;
    const uint8_t* row_seen;  // in the backend's memory
  };
  std::vector<Range> ranges();
  // What a file of the state holds, block by block: a name before the parameters' own, their layout and where they lie.
  struct Block {
    const char* prefix;
    const model::ParameterLayout& layout;
    void* data;
  };
  std::vector<Block> blocks() const;

  model::RewardModel& model_;
  Backend& backend_;
  const uint64_t seed_;
  const model::ParameterLayout layout_;  // of the gradients and of either moment
  std::unique_ptr<Buffer> gradient_memory_, first_moment_memory_, second_moment_memory_, squares_memory_, row_seen_memory_;
  model::ModelTensors gradient_tensors_;
  std::vector<uint8_t> row_seen_;  // one a vocabulary entry: whether it has ever had a gradient
  bool row_seen_uploaded_ = false;
};

}  // namespace cheems::training
