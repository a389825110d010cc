// Logits of hidden states over the vocabulary, on the host, where tokens are chosen.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/control.h"
#include "model/causal_model.h"

namespace cheems::generation {

class Logits {
 public:
  // At most `rows` rows will be requested at a time. The model must outlive this.
  Logits(const model::CausalModel& model, int64_t rows);
  // Calls visit(row, logits) for each row of `hidden` (from Decoder::forward_hidden), in order: logits [vocab_size] in
  // float32 = hidden . vocabulary^T, soft-capped if the model has a cap. Throws Error if one is not finite.
  void for_each_row(const Tensor& hidden, const Control& control,
                    const std::function<void(int64_t, std::span<const float>)>& visit);

 private:
  const model::CausalModel& model_;
  std::unique_ptr<Buffer> memory_;
  Tensor device_logits_;  // [rows of a piece, vocab_size] in the backend's memory
  std::vector<float> host_;
};

}  // namespace cheems::generation
