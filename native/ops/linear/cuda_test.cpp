#include "core/error.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

struct Shape {
  int64_t rows, in, out;
};

WorkspaceRequest request_for(const Shape& s) { return {.widest_row = std::max(s.in, s.out), .rows = s.rows, .backward = true}; }

// Sums of `depth` products of numbers of that size: what may cancel.
double terms(const std::vector<float>& a, const std::vector<float>& b, int64_t depth) {
  double largest_a = 0, largest_b = 0;
  for (const float x : a) largest_a = std::max(largest_a, std::abs(double{x}));
  for (const float x : b) largest_b = std::max(largest_b, std::abs(double{x}));
  return largest_a * largest_b * std::sqrt(static_cast<double>(depth));
}

// Multiples of 8 meet cuBLASLt where tensors are aligned; the rest, and all that is ragged, our own product.
const Shape kShapes[] = {{1, 8, 8}, {3, 64, 128}, {70, 96, 72}, {129, 128, 64}, {5, 7, 3}, {66, 65, 67}, {1, 1, 1}, {300, 24, 16}};

TEST_CASE("cuda linear: forward with and without bias and residual, apart and in place") {
  for (const Shape& s : kShapes) {
    CAPTURE(s.rows);
    CAPTURE(s.in);
    CAPTURE(s.out);
    const auto x = random_floats(s.rows * s.in, 1), weight = random_floats(s.out * s.in, 2), bias = random_floats(s.out, 3), residual = random_floats(s.rows * s.out, 4);
    const double size = terms(x, weight, s.in);
    check_operation(request_for(s), [&](Site& site) -> OutputList {
      OutputList outputs;
      for (const bool with_bias : {false, true}) {
        for (const int how : {0, 1, 2}) {  // no residual, another matrix, y itself
          const Tensor in_place = how == 2 ? site.activations(s.rows, s.out, residual) : Tensor{};
          const Tensor y = how == 2 ? in_place : site.activations(s.rows, s.out);
          const Tensor other = how == 1 ? site.activations(s.rows, s.out, residual, 11) : in_place;
          site->linear_forward({.y = y, .x = site.activations(s.rows, s.in, x), .weight = site.weights(s.out, s.in, weight), .bias = with_bias ? ConstTensor(site.vector(bias)) : ConstTensor(),
                                .residual = other});
          outputs.push_back({"y, bias " + std::to_string(with_bias) + ", residual " + std::to_string(how), site.values(y), kOutputs, size});
        }
      }
      return outputs;
    });
  }
}

TEST_CASE("cuda linear: backward to the input, overwritten and accumulated") {
  for (const Shape& s : kShapes) {
    CAPTURE(s.rows);
    CAPTURE(s.in);
    CAPTURE(s.out);
    const auto dy = random_floats(s.rows * s.out, 1), weight = random_floats(s.out * s.in, 2), before = random_floats(s.rows * s.in, 3);
    const double size = terms(dy, weight, s.out);
    check_operation(request_for(s), [&](Site& site) -> OutputList {
      const Tensor fresh = site.activations(s.rows, s.in), added = site.activations(s.rows, s.in, before, 5);
      const Tensor d = site.activations(s.rows, s.out, dy), w = site.weights(s.out, s.in, weight);
      site->linear_backward_input({.dx = fresh, .dy = d, .weight = w});
      site->linear_backward_input({.dx = added, .dy = d, .weight = w, .accumulate = true});
      return {{"dx", site.values(fresh), kGradients, size}, {"dx accumulated", site.values(added), kGradients, size}};
    });
  }
}

TEST_CASE("cuda linear: gradients of weight and bias are accumulated, over more rows than one chunk too") {
  for (const Shape& s : kShapes) {
    CAPTURE(s.rows);
    CAPTURE(s.in);
    CAPTURE(s.out);
    const auto dy = random_floats(s.rows * s.out, 1), x = random_floats(s.rows * s.in, 2), before = random_floats(s.out * s.in, 3), bias = random_floats(s.out, 4);
    const double size = terms(dy, x, s.rows);
    check_operation(
        request_for(s),
        [&](Site& site) -> OutputList {
          const Tensor d_weight = site.gradient(s.out, s.in, before), d_bias = site.vector(bias), without = site.gradient(s.out, s.in, before);
          const Tensor d = site.activations(s.rows, s.out, dy), in = site.activations(s.rows, s.in, x);
          site->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = d, .x = in});
          site->linear_backward_weight({.d_weight = without, .d_bias = {}, .dy = d, .x = in});
          return {{"d_weight", site.values(d_weight), kGradients, size}, {"d_bias", site.values(d_bias), kGradients, std::sqrt(static_cast<double>(s.rows))},
                  {"d_weight without bias", site.values(without), kGradients, size}};
        },
        {.bfloat16_gradients = true});
  }
}

TEST_CASE("cuda linear: row ranges of the weight and column ranges of wider matrices, as the last layer takes them") {
  const int64_t rows = 21, in = 48, query = 32, wide = 56;
  const auto weight = random_floats(wide * in, 1), bias = random_floats(wide, 2), x = random_floats(rows * in, 3), dy = random_floats(rows * wide, 4);
  check_operation({.widest_row = wide, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
    const Tensor w = site.weights(wide, in, weight), b = site.vector(bias), input = site.activations(rows, in, x), qkv = site.activations(rows, wide), d_qkv = site.activations(rows, wide, dy);
    const Tensor kv = qkv.column_range(query, wide - query), q = qkv.column_range(0, query);
    site->linear_forward({.y = q, .x = input, .weight = w.row_range(0, query), .bias = b.column_range(0, query), .residual = {}});
    site->linear_forward({.y = kv, .x = input, .weight = w.row_range(query, wide - query), .bias = b.column_range(query, wide - query), .residual = {}});
    const Tensor dx = site.activations(rows, in), d_weight = site.gradient(wide, in, std::vector<float>(static_cast<size_t>(wide * in))), d_bias = site.vector(std::vector<float>(static_cast<size_t>(wide)));
    const Tensor d_kv = d_qkv.column_range(query, wide - query), d_q = d_qkv.column_range(0, query);
    site->linear_backward_input({.dx = dx, .dy = d_kv, .weight = w.row_range(query, wide - query)});
    site->linear_backward_input({.dx = dx, .dy = d_q, .weight = w.row_range(0, query), .accumulate = true});
    site->linear_backward_weight({.d_weight = d_weight.row_range(0, query), .d_bias = d_bias.column_range(0, query), .dy = d_q, .x = input});
    site->linear_backward_weight({.d_weight = d_weight.row_range(query, wide - query), .d_bias = d_bias.column_range(query, wide - query), .dy = d_kv, .x = input});
    return {{"qkv", site.values(qkv), kOutputs, terms(x, weight, in)}, {"dx", site.values(dx), kGradients, 2 * terms(dy, weight, wide)}, {"d_weight", site.values(d_weight), kGradients, terms(dy, x, rows)},
            {"d_bias", site.values(d_bias), kGradients, 5}};
  });
}

TEST_CASE("cuda linear: no rows change nothing") {
  const auto run = [](Site& site) -> OutputList {
    const Tensor x = site.activations(0, 8), y = site.activations(0, 16), w = site.weights(16, 8, random_floats(128, 1)), d_weight = site.gradient(16, 8, random_floats(128, 2)), d_bias = site.vector(random_floats(16, 3));
    site->linear_forward({.y = y, .x = x, .weight = w, .bias = site.vector(random_floats(16, 4)), .residual = {}});
    site->linear_backward_input({.dx = x, .dy = y, .weight = w});
    site->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = y, .x = x});
    return {{"d_weight", site.values(d_weight), kGradients}, {"d_bias", site.values(d_bias), kGradients}};
  };
  check_operation({.widest_row = 16, .rows = 1, .backward = true}, run, {.cpu = false});
}

TEST_CASE("cuda linear: dtypes that have no product are refused in a sentence") {
  Site site(device_backend(), {.widest_row = 8, .rows = 4}, {}, {});
  const Tensor x = site.activations(4, 8, random_floats(32, 1)), y = site.activations(4, 8);
  ConstTensor weight = site.weights(8, 8, random_floats(64, 2));
  weight.dtype = DType::bfloat16;
  CHECK_THROWS_WITH_AS(site->linear_forward({.y = y, .x = x, .weight = weight, .bias = {}, .residual = {}}), doctest::Contains("has no product of float32 and bfloat16"), Error);
}

}  // namespace
}  // namespace cheems
