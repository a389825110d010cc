// AdamW's state for all parameters of a model, and the update with clipping by the global norm.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/memory_plan.h"
#include "model/reward_model.h"
#include "storage/safetensors.h"
#include "training/trainer.h"

namespace cheems::training {

class Optimizer {
 public:
  // options.optimizer_state is the dtype of the moments and of the matrices' gradients: float32, or bfloat16 with a
  // model whose matrices are bfloat16; those updates are rounded stochastically by options.seed. Gradients and moments
  // of what is not trained take no memory.
  Optimizer(model::RewardModel& model, const TrainerOptions& options);

  // Backward passes add to them, update() clears them. Absent for what is not trained.
  const model::ModelTensors& gradients() const { return gradient_tensors_; }
  // Says which embedding rows the gradients touch, before update(): all tokens of the batch.
  void mark_tokens(std::span<const int32_t> tokens);
  // Clips and updates; returns the norm before clipping. Throws Error if the norm is not finite; then only the
  // gradients have changed: they are cleared.
  double update(const OptimizerStep& step);
  void clear_gradients();

  // The moments and, for a model whose weights are rounded, the float32 copy, which its own file does not hold.
  void save(const std::string& path) const;
  void load(const std::string& path);
  // Bytes of that file, for weights that are trained in `weight_dtype`.
  static int64_t saved_bytes(const model::Architecture& architecture, const TrainerOptions& options, DType weight_dtype,
                             const model::ModelEnd& end);
  static void plan(const model::Architecture& architecture, const TrainerOptions& options, const model::ModelEnd& end,
                   MemoryPlan& plan);

 private:
  // Parameters that are updated at once: all that are contiguous in every block, whole layers if they are trained.
  struct Range {
    Tensor parameter, master, gradient, first_moment, second_moment;
    const uint8_t* row_seen;  // of an embedding, in the backend's memory
  };
  std::vector<Range> ranges();
  static bool goes_on(const Range& range, const Range& next);
  void refuse_untrained(const storage::SafetensorsFile& file, const std::string& path) const;
  bool trains_embedding() const { return !row_seen_.empty(); }
  // What a file of the state holds for the trained parameters, block by block: a prefix for the parameters' names,
  // their layout and where they are.
  struct Block {
    const char* prefix;
    const model::ParameterLayout& layout;
    void* data;
  };
  std::vector<Block> blocks() const;

  model::RewardModel& model_;
  Backend& backend_;
  const uint64_t seed_;
  const model::ParameterLayout layout_;  // of the gradients and of both moments
  std::unique_ptr<Buffer> gradient_memory_, first_moment_memory_, second_moment_memory_, squares_memory_,
      row_seen_memory_;
  model::ModelTensors gradient_tensors_;
  std::vector<uint8_t>
      row_seen_;  // one per vocabulary entry: whether it has ever had a gradient; empty if the embedding is not trained
  bool row_seen_uploaded_ = false;
};

}  // namespace cheems::training
