#include "generation/logits.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/linear/linear.h"
#include "ops/operations.h"

namespace cheems::generation {
namespace {

// Rows are multiplied and fetched in pieces of about this size; each piece reads the vocabulary's matrix once.
constexpr int64_t kPieceBytes = int64_t{64} << 20;

bool all_finite(std::span<const float> numbers) {
  float sum = 0;
  for (const float x : numbers) sum += x - x;  // NaN where x is NaN or infinite
  return sum == 0;
}

}  // namespace

Logits::Logits(const model::CausalModel& model, int64_t rows) : model_(model) {
  const int64_t columns = model.architecture().vocab_size, stride = (columns + 15) / 16 * 16,
                row_bytes = stride * static_cast<int64_t>(sizeof(float));
  const int64_t piece = std::clamp<int64_t>(kPieceBytes / row_bytes, 1, rows);
  memory_ = model.backend().allocate(piece * row_bytes, "logits");
  device_logits_ = {memory_->data(), DType::float32, piece, columns, stride};
  host_.resize(static_cast<size_t>(piece * stride));
}

void Logits::for_each_row(const Tensor& hidden, const Control& control,
                          const std::function<void(int64_t, std::span<const float>)>& visit) {
  Backend& backend = model_.backend();
  const float cap = model_.architecture().final_logit_soft_cap;
  for (int64_t first = 0; first < hidden.rows; first += device_logits_.rows) {
    control.check();
    const int64_t count = std::min(device_logits_.rows, hidden.rows - first);
    const Tensor logits = device_logits_.row_range(0, count);
    backend.operations().linear_forward({.y = logits,
                                         .x = hidden.row_range(first, count),
                                         .weight = model_.parameters().tensors().vocabulary,
                                         .bias = {},
                                         .residual = {}});
    backend.download(host_.data(), logits.data, count * logits.stride * static_cast<int64_t>(sizeof(float)));
    for (int64_t row = 0; row < count; ++row) {
      const std::span<float> numbers(host_.data() + row * logits.stride, static_cast<size_t>(logits.columns));
      if (!all_finite(numbers))
        fail("A logit is not finite: the model's weights overflow ", name(model_.precision()),
             ". Check the model folder.");
      if (cap > 0) {
        for (float& x : numbers) x = static_cast<float>(cap * std::tanh(static_cast<double>(x) / cap));
      }
      visit(first + row, numbers);
    }
  }
}

}  // namespace cheems::generation
