// A reward model in memory: architecture, parameters, reward head. Knows nothing of training.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "core/description.h"
#include "core/memory_plan.h"
#include "model/architecture.h"
#include "model/heads/head.h"
#include "model/parameters/parameters.h"

namespace cheems::model {

struct LoadOptions {
  std::string folder;        // a Hugging Face model folder: config.json and safetensors
  bool create_head = false;  // true: a folder without a reward head gets a new one (training); false: it is refused
  uint64_t seed = 0;         // of the new head: normal, std 1 / (hidden + 1)
  std::optional<DType> precision = std::nullopt;  // of the matrix products; absent: the backend's default
  // If the backend widens weights while it computes: matrices stay as stored, in the mapped files (scoring). Only those
  // that are not stored whole, in the common dtype, or at an even address are copied. On other backends, and with
  // float32_copy, matrices have the activations' dtype (or weight_dtype, if they are rounded to it) and are copied.
  bool keep_16_bit = false;
  bool float32_copy = false;  // true: keep a float32 copy of bfloat16 weights (training)
  // bfloat16: every weight (matrix, vector or head) is rounded to it before anything is computed, as if the folder were
  // saved in it or loaded in it by another tool. With a float32 copy that is trained, the weights are the rounded copy.
  // float32: as stored.
  DType weight_dtype = DType::float32;
  std::string reward_head = {};  // if a folder has more than one: the head's kind, or its tensor's name (heads/head.h)
  // With keep_16_bit: what will be trained. It is copied and has the activations' dtype; the rest may stay in its
  // mapped files. Empty: nothing will be trained.
  TrainedSet trained = {};
  bool normalize_reward = false;  // apply config.json's mean and std to a linear head's rewards (OpenRLHF)
};

template <class Visitor>
void describe(Visitor& visit, LoadOptions& options) {
  visit("folder", options.folder, "A Hugging Face model folder: config.json and the weights.", {.required = true});
  visit("precision", options.precision,
        "Dtype of matrix products; absent: bfloat16 on a GPU, float32 on the CPU. On a GPU the activations and the "
        "matrices have it too.");
  visit("float32Copy", options.float32_copy,
        "For training 16-bit weights with a float32 optimizer state: keep a float32 copy of the weights.");
  visit("dtype", options.weight_dtype,
        "`bfloat16`: round every weight to it before computing, as if the folder were loaded in that dtype. With "
        "`float32Copy`, training computes with the rounded weights and updates the exact ones.");
  visit("createHead", options.create_head,
        "Make a new head from `seed` if the folder has none (training); otherwise such a folder is refused.");
  visit("seed", options.seed, "Seed of a new head.", {.least = 0});
  visit("keep16Bit", options.keep_16_bit,
        "On the CPU: leave matrices as stored, in the mapped files; the rewards are the same. Scoring only.");
  visit("rewardHead", options.reward_head,
        "If a folder has more than one reward head: the head's kind, or its tensor's name.", {.stands_for_none = true});
  visit("normalizeReward", options.normalize_reward,
        "Apply config.json's mean and std to a linear head's rewards (OpenRLHF). Scoring only.");
}

struct RandomOptions {
  uint64_t seed = 0;
  DType precision = DType::float32;  // of the activations and the matrices
  bool float32_copy = false;         // as in LoadOptions; the matrices are the rounded copy
  // Fills a contiguous tensor with normal numbers times `deviation` on the backend's own device; number i is a function
  // of (seed, stream, i) alone. Absent: the numbers are computed here and uploaded.
  std::function<void(const Tensor&, float deviation, uint64_t seed, uint64_t stream)> fill_normal = {};
};

class RewardModel {
 public:
  // Reads config.json and the weights. Throws Error with file and tensor for anything that does not fit.
  static std::unique_ptr<RewardModel> load(const LoadOptions& options, Backend& backend);
  // A model without files: matrices normal with std initializer_range, norms 1, biases 0, the head like create_head's
  // but with other numbers.
  static std::unique_ptr<RewardModel> random(const Architecture& architecture, const RandomOptions& options,
                                             Backend& backend);
  // A randomly initialized causal language model folder's weights (normal, std initializer_range; norms 1; biases 0),
  // no head.
  static void initialize(const std::string& config_file, uint64_t seed, const std::string& weights_file);
  // The architecture that a folder's config.json describes; reads no weights.
  static Architecture read_architecture(const std::string& folder);

  // Writes all parameters under their Hugging Face names, a linear head as score.weight and one of several layers under
  // the names that it was loaded from, as one safetensors file in `dtype`, or (nullopt) each in its own dtype;
  // from the float32 copy of those that have one. The caller takes care of folder layout, config.json, atomic renaming
  // and digests.
  void save_weights(const std::string& path, std::optional<DType> dtype = DType::float32) const;
  // Bytes of that file for a model whose exact matrices (the float32 copy, if there is one) are `exact_matrices`.
  static int64_t saved_bytes(const Architecture& architecture, DType exact_matrices, std::optional<DType> dtype,
                             const ModelEnd& end = ModelEnd::reward_head);

  const Architecture& architecture() const { return architecture_; }
  const Parameters& parameters() const { return *parameters_; }
  Parameters& parameters() { return *parameters_; }
  // The float32 matrices of which parameters() holds the rounded copy; null if there is none. Its vectors are unused
  // unless weight_dtype() is bfloat16: then parameters() holds the rounded vectors too.
  Parameters* float32_copy() const { return float32_copy_.get(); }
  DType weight_dtype() const { return weight_dtype_; }
  // For a model with a float32 copy and weight_dtype() bfloat16: sets all parameters to the rounded copy.
  void round_from_copy();
  DType precision() const { return precision_; }      // of the matrix products
  DType activations() const { return activations_; }  // what they are held in
  // What computes rewards from hidden states. Its source is "new" if there was none.
  const HeadFacts& head() const { return head_; }
  const std::string& head_source() const { return head_.source; }
  Head& reward_head() const { return *reward_head_; }
  Backend& backend() const { return *backend_; }
  // The dtype of matrices that are kept as stored: the 16-bit type that all share, or float32.
  static DType stored_matrix_dtype(const std::string& folder);
  // The dtype of matrices next to activations of dtype `activations`: the same, or, if the backend widens weights, the
  // dtype that all weights are rounded to.
  static DType matrix_dtype(DType activations, DType weight_dtype, bool widens_weights);
  // The head's parameters as a plan made before loading counts them: a linear head's if the folder has none, or no
  // weights at all.
  static ModelEnd planned_end(const std::string& folder, const std::string& reward_head);
  // The weights alone, for a plan made before they are loaded. `float32_copy`: including one.
  static void plan(const Architecture& architecture, DType matrix_dtype, bool float32_copy, MemoryPlan& plan,
                   const ModelEnd& end = ModelEnd::reward_head);
  // The same for a folder whose matrices are kept as stored. Matrices in the mapped files are listed apart from copies:
  // their pages belong to the system, are shared by processes and can be reclaimed when memory is short.
  static void plan_as_stored(const std::string& folder, DType weight_dtype, MemoryPlan& plan,
                             const std::string& reward_head = {});

 private:
  RewardModel() = default;
  static HeadMatch take_head(const Architecture& architecture, const storage::Checkpoint& checkpoint,
                             const LoadOptions& options);
  // Whether the float32 copy holds this parameter's exact numbers.
  bool is_copied(const Parameter& parameter) const;
  // The parameter's exact numbers, in their own dtype.
  Tensor exact_tensor(const Parameter& parameter) const;
  Architecture architecture_;
  DType precision_ = DType::float32, activations_ = DType::float32, weight_dtype_ = DType::float32;
  std::unique_ptr<Parameters> parameters_, float32_copy_;
  HeadFacts head_;
  std::unique_ptr<Head> reward_head_;
  Backend* backend_ = nullptr;
};

}  // namespace cheems::model
