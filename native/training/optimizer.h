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
  explicit Optimizer(model::RewardModel& model);

  // float32, laid out like the parameters; backward passes add to it, update() clears it.
  const model::ModelTensors& gradients() const { return gradient_tensors_; }
  // Tells which embedding rows the gradients touch, before update(): all tokens of the batch.
  void mark_tokens(std::span<const int32_t> tokens);
  // Clips and updates; returns the norm before clipping. Throws Error, with nothing changed but cleared
  // gradients, when the norm is not finite.
  double update(const OptimizerStep& step);
  void clear_gradients();

  void save(const std::string& path) const;
  void load(const std::string& path);
  static void plan(const model::Architecture& architecture, MemoryPlan& plan);

 private:
  // The embedding, and everything after it as one flat range of vectors' width.
  struct Range {
    Tensor parameter, gradient, first_moment, second_moment;
    const uint8_t* row_seen;
  };
  std::vector<Range> ranges();

  model::RewardModel& model_;
  Backend& backend_;
  std::unique_ptr<Buffer> gradient_memory_, first_moment_memory_, second_moment_memory_;
  model::ModelTensors gradient_tensors_;
  std::vector<uint8_t> row_seen_;  // one a vocabulary entry: whether it has ever had a gradient
};

}  // namespace cheems::training
