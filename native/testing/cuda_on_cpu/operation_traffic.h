// The memory traffic and arithmetic of an operation of the CUDA backend, counted while its kernels run on the CPU, next
// to the minimum of its contract. Each operation is counted in its ops/FOLDER/traffic.cpp; bench/kernel_traffic.cpp
// runs them all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "batch/packed_tree.h"
#include "core/tensor.h"
#include "ops/operations.h"
#include "storage/json.h"

namespace cheems::traffic {

inline constexpr DType kHalf = DType::bfloat16, kFloat = DType::float32;

struct Model {
  std::string name;
  int64_t hidden, heads, key_value_heads, head_size, intermediate, qkv_columns;
};
// Only one group of 7 of the 7B model's 28 query heads, to save time: heads are independent.
inline const Model kSmall{"0.5B", 896, 14, 2, 64, 4864, 1152}, kLarge{"7B", 3584, 7, 1, 128, 18944, 4608};

// Trees of tokens that operations are counted on.
struct Trees {
  PackedTree tall;  // 4 prompts of 256 tokens with 2 responses of 256 each: 3072 rows
  PackedTree lone;  // 1 such prompt: 768 rows
  PackedTree wide;  // 8 prompts of 8 tokens with 8 responses of 16 each: many samples
};
Trees make_trees();

// The memory of the emulated device, and operations on it.
class Device {
 public:
  Device();
  Tensor matrix(DType dtype, int64_t rows, int64_t columns) {
    return {raw(rows * columns * static_cast<int64_t>(size_of(dtype))), dtype, rows, columns, columns};
  }
  Tensor vector(int64_t columns) { return matrix(kFloat, 1, columns); }
  void* raw(int64_t bytes) {
    memory_.push_back(backend_->allocate(bytes, "the operation that is counted"));
    return memory_.back()->data();
  }
  const int32_t* integers(const std::vector<int32_t>& values) {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(int32_t));
    void* place = raw(bytes);
    backend_->upload(place, values.data(), bytes);
    return static_cast<const int32_t*>(place);
  }
  // The operations, with a workspace for `request`; frees the memory of the previous operation.
  Operations& operations(const PackedTree& tree, WorkspaceRequest request) {
    request.rows = tree.rows();
    request.longest_path = tree.longest_path;
    request.backward = true;
    const int64_t bytes = backend_->operations().workspace_bytes(request);
    backend_->operations().set_workspace(raw(bytes), bytes);
    backend_->operations().begin_batch(tree);
    return backend_->operations();
  }
  void clear() {
    backend_->operations().set_workspace(nullptr, 0);
    memory_.clear();
  }
  void finish() { backend_->finish(); }

 private:
  std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Buffer>> memory_;
};

// The minimum of bytes moved and operations computed: each tensor once, in its real dtype, however often a kernel must
// access it again.
struct Floor {
  double bytes, flops;
};

class Report {
 public:
  // Only operations with `word` in their name.
  explicit Report(std::string word) : word_(std::move(word)) {}

  // Counts `operation`: the function that `prepare` returns is called once.
  void measure(const std::string& operation, const std::string& form, const std::string& sizes, Floor floor,
               const std::function<std::function<void()>()>& prepare);
  // In the order of the list of operations.
  nlohmann::json result() const;

  Device device;

 private:
  std::string word_;
  std::vector<nlohmann::json> operations_;
};

inline std::string size_text(int64_t rows, int64_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

// To be defined at namespace scope in a traffic.cpp: count_all calls `count`.
struct Registered {
  explicit Registered(void (*count)(Report&, const Trees&));
};
void count_all(Report& report);

}  // namespace cheems::traffic
