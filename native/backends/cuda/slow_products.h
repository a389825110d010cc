// Matrix products for which cuBLASLt had no algorithm and that ran on our own kernel, a hundred times slower: counted,
// so that the user is told.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/cublas_lt.h"

namespace cheems::cuda {

class SlowProducts {
 public:
  // `reason`: the part of a sentence after "because".
  void count(const std::string& operation, const MatrixProduct& product, const std::string& reason);
  // One entry per operation, matrix sizes and dtypes; the number of rows is that of the first product.
  std::vector<BackendNote> notes() const;

 private:
  mutable std::mutex guard_;  // notes are read while work goes on
  std::map<std::string, BackendNote> by_kind_;
};

// "[512 x 896] = [512 x 64] [64 x 896] in bfloat16".
std::string shape_text(const MatrixProduct& product);

}  // namespace cheems::cuda
