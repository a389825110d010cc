// Reads and writes elements of tensors of any dtype as numbers to compute with.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace cheems::testing::plain {

template <class A>
A get(const ConstTensor& t, int64_t row, int64_t column) {
  const char* at =
      static_cast<const char*>(t.data) + (row * t.stride + column) * static_cast<int64_t>(size_of(t.dtype));
  float value;
  widen(at, t.dtype, &value, 1);
  return static_cast<A>(value);
}

// Rounded to nearest even. (A double is rounded to float32 first; the truth's tensors are float32.)
template <class A>
void put(const Tensor& t, int64_t row, int64_t column, A value) {
  char* at = static_cast<char*>(t.data) + (row * t.stride + column) * static_cast<int64_t>(size_of(t.dtype));
  const float rounded = static_cast<float>(value);
  narrow(&rounded, t.dtype, at, 1);
}

template <class A>
void add(const Tensor& t, int64_t row, int64_t column, A value) {
  put<A>(t, row, column, get<A>(t, row, column) + value);
}

template <class A>
std::vector<A> get_row(const ConstTensor& t, int64_t row) {
  std::vector<A> values;
  values.reserve(static_cast<size_t>(t.columns));
  for (int64_t c = 0; c < t.columns; ++c) values.push_back(get<A>(t, row, c));
  return values;
}

// [rows * columns], row by row.
template <class A>
std::vector<A> get_all(const ConstTensor& t) {
  std::vector<A> values;
  values.reserve(static_cast<size_t>(t.rows * t.columns));
  for (int64_t r = 0; r < t.rows; ++r) {
    for (int64_t c = 0; c < t.columns; ++c) values.push_back(get<A>(t, r, c));
  }
  return values;
}

template <class A>
A dot(const ConstTensor& a, int64_t a_row, int64_t a_column, const ConstTensor& b, int64_t b_row, int64_t b_column,
      int64_t count) {
  A sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += get<A>(a, a_row, a_column + i) * get<A>(b, b_row, b_column + i);
  return sum;
}

}  // namespace cheems::testing::plain
