// Keys (rotated by rope) and values of tokens that a decoder has processed, layer by layer, for new tokens to attend
// to.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "core/arena.h"
#include "model/architecture.h"

namespace cheems::model {

// Only memory: the caller knows which rows belong to whom, and says so with a packed tree's segments.
class KeyValueCache {
 public:
  // `dtype`: of the activations.
  KeyValueCache(const Architecture& architecture, int64_t rows, DType dtype, Backend& backend)
      : rows_(rows), buffer_(backend.allocate(bytes(architecture, rows, dtype), "the key/value cache")) {
    Arena arena(buffer_->data());
    take(architecture, rows, dtype, arena);
  }
  int64_t rows() const { return rows_; }
  const Tensor& keys(int64_t layer) const { return keys_[static_cast<size_t>(layer)]; }      // [rows, key_value_size]
  const Tensor& values(int64_t layer) const { return values_[static_cast<size_t>(layer)]; }  // [rows, key_value_size]

  static int64_t bytes(const Architecture& architecture, int64_t rows, DType dtype) {
    Arena counter;
    KeyValueCache().take(architecture, rows, dtype, counter);
    return counter.used();
  }

 private:
  KeyValueCache() = default;
  void take(const Architecture& architecture, int64_t rows, DType dtype, Arena& arena) {
    for (int64_t layer = 0; layer < architecture.num_layers; ++layer) {
      keys_.push_back(arena.matrix(rows, architecture.key_value_size(), dtype));
      values_.push_back(arena.matrix(rows, architecture.key_value_size(), dtype));
    }
  }
  int64_t rows_ = 0;
  std::unique_ptr<Buffer> buffer_;
  std::vector<Tensor> keys_, values_;
};

}  // namespace cheems::model
