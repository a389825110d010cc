// One training step at a time: forward, ranking loss, backward over a global batch, then AdamW.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "batch/samples.h"
#include "core/comparison.h"
#include "core/control.h"
#include "core/description.h"
#include "core/memory_plan.h"
#include "model/reward_model.h"
#include "ops/operations.h"

namespace cheems::training {

struct TrainerOptions {
  int64_t micro_batch_tokens =
      4096;  // tokens computed at once; affects memory, not the result (except for float32 rounding)
  bool gradient_checkpointing = false;  // keep only each layer's input and recompute the layer in the backward pass
  bool share_prompts = true;
  DType optimizer_state =
      DType::float32;     // bfloat16: gradients, moments and weights in bfloat16, rounded stochastically
  uint64_t seed = 0;      // of the stochastic rounding
  float reg_coef = 0.1f;  // weight of mean(reward^2) in the loss; <= 0 is off
  // The token whose embedding row gets no gradient (but weight decay), like PyTorch's padding_idx; negative: none.
  int64_t padding_token = -1;
  // Which parameters are trained: the others keep their bits, and have neither gradient nor moments. Empty: all.
  model::TrainedSet trained = {};
};

struct OptimizerStep {
  int64_t step = 1;  // 1 for the first update, for AdamW's bias corrections
  double learning_rate = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;   // decoupled, on all parameters
  double max_grad_norm = 1;  // <= 0: no clipping
};

struct StepResult {
  double loss = 0, ranking_loss = 0, regulariser = 0;  // loss = ranking_loss + reg_coef * regulariser
  double gradient_norm = 0;                            // before clipping
  std::vector<float> rewards;                          // one per sample, before the update
  int64_t computed_tokens = 0;                         // after sharing prompts
  int64_t micro_batches = 0;
};

template <class Visitor>
void describe(Visitor& visit, TrainerOptions& options) {
  visit("microBatchTokens", options.micro_batch_tokens,
        "Tokens computed at once; affects memory, not the result (except for float32 rounding).", {.least = 1});
  visit("gradientCheckpointing", options.gradient_checkpointing,
        "Keep only the input of each layer, and recompute the layer in the backward pass.");
  visit("sharePrompts", options.share_prompts, "Compute the common prefixes of a prompt's samples only once.");
  visit("optimizerState", options.optimizer_state,
        "Dtype of gradients and moments; `bfloat16` needs bfloat16 weights, which are then rounded stochastically.");
  visit("seed", options.seed, "Seed of the stochastic rounding.", {.least = 0});
  visit("regCoef", options.reg_coef, "Weight of mean(reward^2) in the loss; 0 or less: none.");
  visit("paddingToken", options.padding_token,
        "The token whose embedding row gets no gradient, like PyTorch's padding_idx; -1: none.", {.least = -1});
}

template <class Visitor>
void describe(Visitor& visit, OptimizerStep& step) {
  visit("step", step.step, "1 for the first update.", {.least = 1, .required = true});
  visit("learningRate", step.learning_rate, "", {.least = 0, .required = true});
  visit("beta1", step.beta1, "", {.least = 0, .most = 1, .below_most = true, .required = true});
  visit("beta2", step.beta2, "", {.least = 0, .most = 1, .below_most = true, .required = true});
  visit("epsilon", step.epsilon, "", {.least = 0, .required = true});
  visit("weightDecay", step.weight_decay, "Decoupled, on all parameters.", {.least = 0, .required = true});
  visit("maxGradNorm", step.max_grad_norm, "0 or less: no clipping.", {.required = true});
}

template <class Visitor>
void describe(Visitor& visit, StepResult& result) {
  visit("loss", result.loss, "`rankingLoss` + regCoef * `regulariser`.");
  visit("rankingLoss", result.ranking_loss, "");
  visit("regulariser", result.regulariser, "mean(reward^2)");
  visit("gradientNorm", result.gradient_norm, "Before clipping.");
  visit("rewards", result.rewards, "One per sample, before the update.");
  visit("computedTokens", result.computed_tokens, "Computed tokens; each shared prompt counts once.");
  visit("microBatches", result.micro_batches, "");
}

class Trainer {
 public:
  Trainer(model::RewardModel& model, const TrainerOptions& options);
  ~Trainer();

  // One update from one global batch. The loss is the mean over all comparisons of -log sigmoid(r_a - r_b), changed by
  // targets, weights and margins (ops/ranking_loss), plus reg_coef * the mean over all samples of r^2. Throws Error for
  // a batch with no pair, ids outside the vocabulary, or a loss that is not finite (the parameters are then unchanged).
  // Throws Canceled if canceled before the update (parameters unchanged, gradients discarded).
  StepResult step(const Samples& samples, std::span<const Comparison> comparisons, const OptimizerStep& optimizer,
                  const Control& control);

  // Rewards without any update, in the trainer's existing memory.
  std::vector<float> score(const Samples& samples, const Control& control);

  // Optimizer state as a safetensors file: first and second moments under the parameters' names, and the float32 copy
  // of a model whose weights are rounded to the dtype that they are saved in. Loading sets such a model's weights too.
  void save_optimizer(const std::string& path) const;
  void load_optimizer(const std::string& path);

  // Bytes of a checkpoint's weights and optimizer state. `exact_matrices`: the dtype of the matrices, or of their
  // float32 copy if there is one. `weight_dtype`: the dtype that the weights are rounded to; float32 weights are saved
  // in their own dtype.
  static int64_t checkpoint_bytes(const model::Architecture& architecture, const TrainerOptions& options,
                                  DType exact_matrices, DType weight_dtype,
                                  const model::ModelEnd& end = model::ModelEnd::reward_head);
  // `precision` is the dtype of the activations and of the matrices that they are multiplied with.
  static void plan(const model::Architecture& architecture, const TrainerOptions& options, DType precision,
                   int64_t longest_sample, const WorkspaceBytes& workspace_bytes, MemoryPlan& plan,
                   const model::ModelEnd& end = model::ModelEnd::reward_head);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cheems::training
