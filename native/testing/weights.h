// Weights of any dtype for the tests: the stored numbers, and their values as float32.
#pragma once

#include "core/dtype.h"
#include "testing/numbers.h"

namespace cheems::testing {

class Weights {
 public:
  Weights(int64_t rows, int64_t columns, DType dtype, const std::vector<float>& values)
      : rows_(rows), columns_(columns), dtype_(dtype) {
    stored_.resize(values.size() * size_of(dtype));
    narrow(values.data(), dtype, stored_.data(), values.size());
    widened_.resize(values.size());
    widen(stored_.data(), dtype, widened_.data(), values.size());
  }
  ConstTensor view() const { return {stored_.data(), dtype_, rows_, columns_}; }
  const std::vector<float>& widened() const { return widened_; }

 private:
  int64_t rows_, columns_;
  DType dtype_;
  std::vector<char> stored_;
  std::vector<float> widened_;
};

constexpr DType kEveryDType[] = {DType::float32, DType::bfloat16, DType::float16};

}  // namespace cheems::testing
