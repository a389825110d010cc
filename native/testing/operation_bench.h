// The GPU benchmark cases of an operation. Each operation defines its cases in ops/FOLDER/bench.cpp;
// bench/gpu_kernels.cpp runs them all, and fails if an operation of the list has none.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "batch/packed_tree.h"
#include "core/tensor.h"
#include "ops/operations.h"

namespace cheems::cuda {
struct Context;
}

namespace cheems::bench {

constexpr double kElement = 2;  // bytes of a bfloat16

// A model's shapes and the micro-batch that is measured.
struct Case {
  int64_t hidden_size, intermediate_size, num_heads, num_key_value_heads, head_size, vocab_size;
  int64_t parameters;  // how many the optimizer updates
  const PackedTree* tree;
  std::string tree_name;

  int64_t rows() const { return tree->rows(); }
  int64_t query_size() const { return num_heads * head_size; }
  int64_t key_value_size() const { return num_key_value_heads * head_size; }
  int64_t qkv_size() const { return query_size() + 2 * key_value_size(); }
};

class Bench {
 public:
  virtual ~Bench() = default;
  virtual Operations& ops() = 0;
  virtual cuda::Context& context() = 0;
  // A tensor of normally distributed numbers; it exists until release().
  virtual Tensor tensor(int64_t rows, int64_t columns, DType dtype = DType::bfloat16, float deviation = 1) = 0;
  Tensor vector(int64_t columns) { return tensor(1, columns, DType::float32); }
  virtual void* zeros(int64_t bytes) = 0;
  virtual const int32_t* integers(const std::vector<int32_t>& values) = 0;
  virtual void release() = 0;
  // `bytes` and `flops` are the minimum for the operation.
  virtual void add(const std::string& operation, const std::string& shape, double bytes, double flops,
                   const std::function<void()>& body) = 0;
};

inline std::string shape_of(std::initializer_list<int64_t> sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

// To be defined at namespace scope in a bench.cpp. `measure` is called for each model; if `every_tree` is set, also for
// micro-batches of other shapes.
using Measure = void (*)(Bench& bench, const Case& c);
struct Registered {
  explicit Registered(Measure measure, bool every_tree = false);
};

}  // namespace cheems::bench
