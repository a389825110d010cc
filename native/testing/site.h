// Where a test runs an operation: a backend, the dtypes of its tensors there, and tensors in that backend's memory with
// guard cells around them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "ops/operations.h"
#include "testing/numbers.h"

namespace cheems::testing {

struct Precision {
  DType activations = DType::float32;  // of activations, their gradients and matrices of weights
  DType gradients = DType::float32;    // of the gradients of matrices
};

// Whether tensors begin at odd addresses with odd strides, or all rows at multiples of 64 bytes: for a kernel's scalar
// and vector paths. Contiguous tensors (gap 0) stay contiguous in both.
enum class Placement { ragged, aligned };

// Numbers for comparison in a test, and the precision in which they were stored.
struct Values {
  std::vector<double> numbers;
  DType dtype = DType::float32;
};

class Site {
 public:
  // Tensors are stored in `storage`; their initial numbers are first rounded to `numbers`, so that the truth, which is
  // stored in float32, has exactly the same inputs as a bfloat16 run.
  Site(Backend& backend, const WorkspaceRequest& request, Precision storage, Precision numbers,
       Placement placement = Placement::ragged)
      : backend_(backend),
        storage_(storage),
        numbers_(numbers),
        placement_(placement),
        workspace_bytes_(backend.operations().workspace_bytes(request)) {
    workspace_ =
        backend_.allocate(workspace_bytes_ + static_cast<int64_t>(workspace_guard_.size()), "a test's workspace");
    // Anything that a kernel reads before writing it is a NaN. (The beginning is enough: the rest is for matrix
    // products.)
    const std::vector<char> poison = guard_cells(std::min<int64_t>(workspace_bytes_, 1 << 19) / 2 * 2);
    backend_.upload(workspace_->data(), poison.data(), static_cast<int64_t>(poison.size()));
    backend_.upload(static_cast<char*>(workspace_->data()) + workspace_bytes_, workspace_guard_.data(),
                    static_cast<int64_t>(workspace_guard_.size()));
  }
  ~Site() { backend_.operations().set_workspace(nullptr, 0); }
  Site(const Site&) = delete;

  // The operations, with exactly the workspace that they request.
  Operations* operator->() {
    backend_.operations().set_workspace(workspace_->data(),
                                        workspace_bytes_);  // another Site may have used the backend in between
    return &backend_.operations();
  }
  void begin(const PackedTree& tree) { backend_.operations().begin_batch(tree); }
  Backend& backend() { return backend_; }
  DType activation_dtype() const { return storage_.activations; }
  DType gradient_dtype() const { return storage_.gradients; }

  // Matrices [rows, columns] with `gap` guard cells between the rows. Without values every cell is a NaN: an operation
  // that should overwrite cells must not leave one, and one that adds to cells propagates it.
  Tensor activations(int64_t rows, int64_t columns, const std::vector<float>& values = {}, int64_t gap = 3) {
    return matrix(storage_.activations, numbers_.activations, rows, columns, values, gap);
  }
  Tensor weights(int64_t rows, int64_t columns, const std::vector<float>& values, int64_t gap = 0) {
    return matrix(storage_.activations, numbers_.activations, rows, columns, values, gap);
  }
  // The gradient of a weight matrix.
  Tensor gradient(int64_t rows, int64_t columns, const std::vector<float>& values = {}, int64_t gap = 0) {
    return matrix(storage_.gradients, numbers_.gradients, rows, columns, values, gap);
  }
  Tensor floats(int64_t rows, int64_t columns, const std::vector<float>& values = {}, int64_t gap = 3) {
    return matrix(DType::float32, DType::float32, rows, columns, values, gap);
  }
  // [1, n] float32: norm weights, biases, rewards, their gradients.
  Tensor vector(const std::vector<float>& values) { return floats(1, static_cast<int64_t>(values.size()), values, 0); }
  Tensor vector(int64_t columns) { return floats(1, columns, {}, 0); }
  double* doubles(const std::vector<double>& values) {
    return static_cast<double*>(copied(values.data(), values.size() * sizeof(double)));
  }
  int32_t* integers(const std::vector<int32_t>& values) {
    return static_cast<int32_t*>(copied(values.data(), values.size() * sizeof(int32_t)));
  }
  uint8_t* bytes(const std::vector<uint8_t>& values) {
    return static_cast<uint8_t*>(copied(values.data(), values.size()));
  }

  // The numbers of a tensor, row by row without the gaps.
  Values values(const ConstTensor& tensor) {
    Values all{{}, tensor.dtype};
    std::vector<float> row(static_cast<size_t>(tensor.columns));
    std::vector<char> stored(row.size() * size_of(tensor.dtype));
    for (int64_t r = 0; r < tensor.rows; ++r) {
      backend_.download(
          stored.data(),
          static_cast<const char*>(tensor.data) + r * tensor.stride * static_cast<int64_t>(size_of(tensor.dtype)),
          static_cast<int64_t>(stored.size()));
      widen(stored.data(), tensor.dtype, row.data(), row.size());
      all.numbers.insert(all.numbers.end(), row.begin(), row.end());
    }
    return all;
  }
  Values values(const double* numbers, int64_t count) {
    Values all{std::vector<double>(static_cast<size_t>(count)), DType::float32};
    backend_.download(all.numbers.data(), numbers, count * static_cast<int64_t>(sizeof(double)));
    return all;
  }

  Values values(const int32_t* integers, int64_t count) {
    std::vector<int32_t> found(static_cast<size_t>(count));
    backend_.download(found.data(), integers, count * static_cast<int64_t>(sizeof(int32_t)));
    return {{found.begin(), found.end()}, DType::float32};
  }

  // Whether every cell outside the tensors and the workspace is unchanged.
  bool guards_hold() {
    for (const Block& block : blocks_) {
      std::vector<char> now(block.before.size());
      backend_.download(now.data(), block.memory->data(), static_cast<int64_t>(now.size()));
      const auto same = [&](int64_t begin, int64_t end) {
        return std::equal(now.begin() + begin, now.begin() + end, block.before.begin() + begin);
      };
      bool holds = same(0, block.margin);
      for (int64_t row = 0; row < block.rows; ++row) {
        const int64_t begin = block.margin + row * block.row_stride;
        holds = holds && same(begin + block.row_bytes, begin + block.row_stride);
      }
      if (!holds || !same(block.margin + block.rows * block.row_stride, static_cast<int64_t>(now.size()))) return false;
    }
    std::vector<char> now(workspace_guard_.size());
    backend_.download(now.data(), static_cast<char*>(workspace_->data()) + workspace_bytes_,
                      static_cast<int64_t>(now.size()));
    return now == workspace_guard_;
  }

 private:
  // `rows` runs of `row_bytes`, with starts `row_stride` bytes apart, from `margin` on; everything else is guard cells.
  struct Block {
    std::unique_ptr<Buffer> memory;
    std::vector<char> before;
    int64_t margin, rows, row_bytes, row_stride;
  };

  // A NaN in bfloat16, float16, float32 and double, with a payload that no arithmetic produces.
  static constexpr uint16_t kGuard = 0xffc7;

  static std::vector<char> guard_cells(int64_t bytes) {
    std::vector<char> cells(static_cast<size_t>(bytes));
    for (size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<char>(i % 2 == 0 ? kGuard & 0xff : kGuard >> 8);
    return cells;
  }

  size_t add_block(int64_t margin, int64_t rows, int64_t row_bytes, int64_t row_stride) {
    const int64_t bytes = (margin + rows * row_stride + 256 + 1) / 2 * 2;
    blocks_.push_back({backend_.allocate(bytes, "a test"), guard_cells(bytes), margin, rows, row_bytes, row_stride});
    return blocks_.size() - 1;
  }
  void* address(size_t block) { return static_cast<char*>(blocks_[block].memory->data()) + blocks_[block].margin; }
  void upload(size_t block) {
    backend_.upload(blocks_[block].memory->data(), blocks_[block].before.data(),
                    static_cast<int64_t>(blocks_[block].before.size()));
  }

  void* copied(const void* host, size_t bytes) {
    const size_t block = add_block(64, 1, static_cast<int64_t>(bytes), static_cast<int64_t>(bytes));
    if (bytes > 0) std::memcpy(blocks_[block].before.data() + 64, host, bytes);
    upload(block);
    return address(block);
  }
  Tensor matrix(DType stored, DType rounded, int64_t rows, int64_t columns, const std::vector<float>& values,
                int64_t gap) {
    REQUIRE((values.empty() || static_cast<int64_t>(values.size()) == rows * columns));
    const bool aligned = placement_ == Placement::aligned;
    const auto element = static_cast<int64_t>(size_of(stored));
    const int64_t stride = aligned && gap > 0 ? (columns + gap + 31) / 32 * 32 : columns + gap;
    const int64_t margin =
        aligned ? 256 : 21 * element;  // an odd number of elements, so that nothing happens to be aligned
    const size_t block = add_block(margin, rows, columns * element, stride * element);
    for (int64_t row = 0; row < rows && !values.empty(); ++row) {
      const float* from = values.data() + row * columns;
      std::vector<uint16_t> half(static_cast<size_t>(columns));
      std::vector<float> number(from, from + columns);
      if (rounded != DType::float32) {
        narrow(from, rounded, half.data(), half.size());
        widen(half.data(), rounded, number.data(), half.size());
      }
      narrow(number.data(), stored, blocks_[block].before.data() + margin + row * stride * element, number.size());
    }
    upload(block);
    return {address(block), stored, rows, columns, stride};
  }

  Backend& backend_;
  Precision storage_, numbers_;
  Placement placement_;
  int64_t workspace_bytes_;
  std::unique_ptr<Buffer> workspace_;
  const std::vector<char> workspace_guard_ = guard_cells(256);
  std::vector<Block> blocks_;
};

}  // namespace cheems::testing
