#include <set>

#include "backends/cuda/cublas_lt.h"
#include "core/error.h"
#include "testing/operation_check.h"
#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses
#include "testing/cuda_on_cpu/traffic.h"
#endif

#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/linear/linear.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#endif

namespace cheems {
namespace {

using namespace testing;

struct Shape {
  int64_t rows, in, out;
};

WorkspaceRequest request_for(const Shape& s) {
  return {.widest_row = std::max(s.in, s.out), .rows = s.rows, .backward = true};
}

// Sums of `depth` products of numbers of that size: what may cancel.
double terms(const std::vector<float>& a, const std::vector<float>& b, int64_t depth) {
  double largest_a = 0, largest_b = 0;
  for (const float x : a) largest_a = std::max(largest_a, std::abs(double{x}));
  for (const float x : b) largest_b = std::max(largest_b, std::abs(double{x}));
  return largest_a * largest_b * std::sqrt(static_cast<double>(depth));
}

// Multiples of 8 meet cuBLASLt where tensors are aligned; the rest, and all that is ragged, our own product.
const Shape kShapes[] = {{1, 8, 8}, {3, 64, 128}, {70, 96, 72}, {129, 128, 64},
                         {5, 7, 3}, {66, 65, 67}, {1, 1, 1},    {300, 24, 16}};

TEST_CASE("cuda linear: forward with and without bias and residual, apart and in place") {
  for (const Shape& s : kShapes) {
    CAPTURE(s.rows);
    CAPTURE(s.in);
    CAPTURE(s.out);
    const auto x = random_floats(s.rows * s.in, 1), weight = random_floats(s.out * s.in, 2),
               bias = random_floats(s.out, 3), residual = random_floats(s.rows * s.out, 4);
    const double size = terms(x, weight, s.in);
    check_operation(request_for(s), [&](Site& site) -> OutputList {
      OutputList outputs;
      for (const bool with_bias : {false, true}) {
        for (const int how : {0, 1, 2}) {  // no residual, another matrix, y itself
          const Tensor in_place = how == 2 ? site.activations(s.rows, s.out, residual) : Tensor{};
          const Tensor y = how == 2 ? in_place : site.activations(s.rows, s.out);
          const Tensor other = how == 1 ? site.activations(s.rows, s.out, residual, 11) : in_place;
          site->linear_forward({.y = y,
                                .x = site.activations(s.rows, s.in, x),
                                .weight = site.weights(s.out, s.in, weight),
                                .bias = with_bias ? ConstTensor(site.vector(bias)) : ConstTensor(),
                                .residual = other});
          outputs.push_back({"y, bias " + std::to_string(with_bias) + ", residual " + std::to_string(how),
                             site.values(y), kOutputs, size});
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
    const auto dy = random_floats(s.rows * s.out, 1), weight = random_floats(s.out * s.in, 2),
               before = random_floats(s.rows * s.in, 3);
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
    const auto dy = random_floats(s.rows * s.out, 1), x = random_floats(s.rows * s.in, 2),
               before = random_floats(s.out * s.in, 3), bias = random_floats(s.out, 4);
    const double size = terms(dy, x, s.rows);
    check_operation(request_for(s),
                    [&](Site& site) -> OutputList {
                      const Tensor d_weight = site.gradient(s.out, s.in, before), d_bias = site.vector(bias),
                                   without = site.gradient(s.out, s.in, before);
                      const Tensor d = site.activations(s.rows, s.out, dy), in = site.activations(s.rows, s.in, x);
                      site->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = d, .x = in});
                      site->linear_backward_weight({.d_weight = without, .d_bias = {}, .dy = d, .x = in});
                      return {{"d_weight", site.values(d_weight), kGradients, size},
                              {"d_bias", site.values(d_bias), kGradients, std::sqrt(static_cast<double>(s.rows))},
                              {"d_weight without bias", site.values(without), kGradients, size}};
                    },
                    {.bfloat16_gradients = true});
  }
}

TEST_CASE("cuda linear: row ranges of the weight and column ranges of wider matrices, as the last layer takes them") {
  const int64_t rows = 21, in = 48, query = 32, wide = 56;
  const auto weight = random_floats(wide * in, 1), bias = random_floats(wide, 2), x = random_floats(rows * in, 3),
             dy = random_floats(rows * wide, 4);
  check_operation({.widest_row = wide, .rows = rows, .backward = true}, [&](Site& site) -> OutputList {
    const Tensor w = site.weights(wide, in, weight), b = site.vector(bias), input = site.activations(rows, in, x),
                 qkv = site.activations(rows, wide), d_qkv = site.activations(rows, wide, dy);
    const Tensor kv = qkv.column_range(query, wide - query), q = qkv.column_range(0, query);
    site->linear_forward(
        {.y = q, .x = input, .weight = w.row_range(0, query), .bias = b.column_range(0, query), .residual = {}});
    site->linear_forward({.y = kv,
                          .x = input,
                          .weight = w.row_range(query, wide - query),
                          .bias = b.column_range(query, wide - query),
                          .residual = {}});
    const Tensor dx = site.activations(rows, in),
                 d_weight = site.gradient(wide, in, std::vector<float>(static_cast<size_t>(wide * in))),
                 d_bias = site.vector(std::vector<float>(static_cast<size_t>(wide)));
    const Tensor d_kv = d_qkv.column_range(query, wide - query), d_q = d_qkv.column_range(0, query);
    site->linear_backward_input({.dx = dx, .dy = d_kv, .weight = w.row_range(query, wide - query)});
    site->linear_backward_input({.dx = dx, .dy = d_q, .weight = w.row_range(0, query), .accumulate = true});
    site->linear_backward_weight(
        {.d_weight = d_weight.row_range(0, query), .d_bias = d_bias.column_range(0, query), .dy = d_q, .x = input});
    site->linear_backward_weight({.d_weight = d_weight.row_range(query, wide - query),
                                  .d_bias = d_bias.column_range(query, wide - query),
                                  .dy = d_kv,
                                  .x = input});
    return {{"qkv", site.values(qkv), kOutputs, terms(x, weight, in)},
            {"dx", site.values(dx), kGradients, 2 * terms(dy, weight, wide)},
            {"d_weight", site.values(d_weight), kGradients, terms(dy, x, rows)},
            {"d_bias", site.values(d_bias), kGradients, 5}};
  });
}

TEST_CASE("cuda linear: no rows change nothing") {
  const auto run = [](Site& site) -> OutputList {
    const Tensor x = site.activations(0, 8), y = site.activations(0, 16),
                 w = site.weights(16, 8, random_floats(128, 1)), d_weight = site.gradient(16, 8, random_floats(128, 2)),
                 d_bias = site.vector(random_floats(16, 3));
    site->linear_forward({.y = y, .x = x, .weight = w, .bias = site.vector(random_floats(16, 4)), .residual = {}});
    site->linear_backward_input({.dx = x, .dy = y, .weight = w});
    site->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = y, .x = x});
    return {{"d_weight", site.values(d_weight), kGradients}, {"d_bias", site.values(d_bias), kGradients}};
  };
  check_operation({.widest_row = 16, .rows = 1, .backward = true}, run);
}

TEST_CASE("cuda linear: dtypes that have no product are refused in a sentence") {
  Site site(device_backend(), {.widest_row = 8, .rows = 4}, {}, {});
  const Tensor x = site.activations(4, 8, random_floats(32, 1)), y = site.activations(4, 8);
  ConstTensor weight = site.weights(8, 8, random_floats(64, 2));
  weight.dtype = DType::bfloat16;
  CHECK_THROWS_WITH_AS(site->linear_forward({.y = y, .x = x, .weight = weight, .bias = {}, .residual = {}}),
                       doctest::Contains("cannot multiply float32 and bfloat16"), Error);
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

TEST_CASE("cuda linear: a bias gradient reads dy once, in whole sectors") {
  const int64_t rows = 640, out = 1152, in = 8;
  Site site(device_backend(), {.widest_row = out, .rows = rows, .backward = true}, {.activations = DType::bfloat16},
            {.activations = DType::bfloat16}, Placement::aligned);
  const Tensor dy = site.activations(rows, out, random_floats(rows * out, 1)),
               x = site.activations(rows, in, random_floats(rows * in, 2)),
               d_weight = site.gradient(out, in, random_floats(out * in, 3)),
               d_bias = site.vector(random_floats(out, 4));
  const cuda_on_cpu::TrafficScope scope;
  site->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = dy, .x = x});
  const auto sums = scope.of("bias_gradient"), chunks = scope.of("add_chunks");
  CHECK(sums.global_load_bytes == 2 * rows * out);
  CHECK(32 * sums.global_load_sectors == 2 * rows * out);
  CHECK(sums.global_store_bytes == rows / 128 * out * 4);
  CHECK(chunks.global_load_bytes == (rows / 128 + 1) * out * 4);
  CHECK(chunks.global_store_bytes == out * 4);
  CHECK(sums.bank_conflicts == 0);
  // Beside dy: for each 128 rows of a column one float32 written and read.
  CHECK(sums.global_bytes() + chunks.global_bytes() <= 2 * rows * out * 11 / 10);
}

TEST_CASE("cuda linear: our own product reads each operand once per tile, without bank conflicts") {
  const int64_t rows = 129, in = 65, out = 67;  // no stride that cuBLASLt takes for bfloat16
  const Precision half{.activations = DType::bfloat16};
  Site site(device_backend(), {.widest_row = out, .rows = rows, .backward = true}, half, half);
  const Tensor x = site.activations(rows, in, random_floats(rows * in, 1)),
               w = site.weights(out, in, random_floats(out * in, 2)), y = site.activations(rows, out),
               dx = site.activations(rows, in);
  const Tensor d_weight = site.gradient(out, in, random_floats(out * in, 3));
  const auto tiles = [](int64_t extent) { return (extent + 63) / 64; };
  const auto check = [&](int64_t result_rows, int64_t result_columns, int64_t inner,
                         const std::function<void()>& product) {
    const cuda_on_cpu::TrafficScope scope;
    product();
    const auto traffic = scope.of("tiled_product");
    CHECK(traffic.launches == 1);
    CHECK(traffic.bank_conflicts == 0);
    const int64_t operands = 2 * inner * (result_rows * tiles(result_columns) + result_columns * tiles(result_rows));
    CHECK(traffic.global_load_bytes >= operands);
    CHECK(traffic.global_load_bytes <= operands + 4 * result_rows * result_columns);  // and what the result is added to
  };
  check(rows, out, in, [&] { site->linear_forward({.y = y, .x = x, .weight = w, .bias = {}, .residual = {}}); });
  check(rows, in, out, [&] { site->linear_backward_input({.dx = dx, .dy = y, .weight = w}); });
  check(out, in, rows, [&] { site->linear_backward_weight({.d_weight = d_weight, .d_bias = {}, .dy = y, .x = x}); });
}

// The three products of a layer over so many tokens, [tokens, 8] each, of ones.
class ThreeProducts {
 public:
  static constexpr int64_t kMostTokens = 3072, kWidth = 8;
  ThreeProducts() {
    const std::vector<float> ones(static_cast<size_t>(kMostTokens * kWidth), 1.0f);
    for (auto& buffer : buffers_) {
      buffer = device_backend().allocate(kMostTokens * kWidth * 4, "a test");
      device_backend().upload(buffer->data(), ones.data(), kMostTokens * kWidth * 4);
    }
    device_backend().finish();
  }
  // The first number of each result: 8, 8 and the count of tokens.
  std::vector<float> multiply(int64_t tokens) {
    const auto product = [&](int64_t rows, int64_t inner, bool is_gradient, bool b_transposed, size_t result) {
      return cuda::MatrixProduct{.rows = rows,
                                 .columns = kWidth,
                                 .inner = inner,
                                 .a = buffers_[0]->data(),
                                 .a_stride = kWidth,
                                 .a_transposed = is_gradient,
                                 .b = buffers_[1]->data(),
                                 .b_stride = kWidth,
                                 .b_transposed = b_transposed,
                                 .d = buffers_[result]->data(),
                                 .d_stride = kWidth,
                                 .operands = DType::float32,
                                 .result = DType::float32};
    };
    std::string refusal;
    CHECK(cublas_lt_.multiply(product(tokens, kWidth, false, true, 2), nullptr, 0, nullptr, refusal));
    CHECK(cublas_lt_.multiply(product(tokens, kWidth, false, false, 3), nullptr, 0, nullptr, refusal));
    CHECK(cublas_lt_.multiply(product(kWidth, tokens, true, false, 4), nullptr, 0, nullptr, refusal));
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    std::vector<float> found(3);
    for (size_t i = 0; i < 3; ++i) device_backend().download(&found[i], buffers_[2 + i]->data(), 4);
    return found;
  }
  int64_t asked() const { return cublas_lt_.heuristics_asked(); }

 private:
  cuda::CublasLt cublas_lt_;
  std::unique_ptr<Buffer> buffers_[5];
};

TEST_CASE("cuda linear: a hundred ragged counts of tokens ask cuBLASLt's heuristic for a few buckets alone") {
  ThreeProducts products;
  std::set<int64_t> counts;
  RandomStream random(7, 0);
  counts.insert(1900);
  while (counts.size() < 100) counts.insert(1900 + static_cast<int64_t>(random.next() % 1150));
  for (const int64_t tokens : counts)
    CHECK(products.multiply(tokens) == std::vector<float>{8, 8, static_cast<float>(tokens)});
  CHECK(products.asked() == 3 * 6);  // 1920, 2048, 2304, 2560, 2816 and 3072, of three products
  for (const int64_t tokens : counts) products.multiply(tokens);
  CHECK(products.asked() == 3 * 6);
}

TEST_CASE("cuda linear: few tokens are asked for as they are, more within an eighth") {
  ThreeProducts products;
  const auto asked_for = [&](std::vector<int64_t> counts) {
    const int64_t before = products.asked();
    for (const int64_t tokens : counts) products.multiply(tokens);
    return (products.asked() - before) / 3;
  };
  CHECK(asked_for({1, 2, 3, 7, 8, 15}) == 6);
  CHECK(asked_for({16, 17, 18}) == 2);
  CHECK(asked_for({1000, 1001, 1024}) == 1);
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE(
    "cuda linear: where cuBLASLt's check takes the bucket's algorithm for no other shape, each shape is asked for "
    "itself") {
  ThreeProducts products;
  cuda_on_cpu::refuse_algorithm_checks(true);
  for (const int64_t tokens : {2049, 2050, 2304})
    CHECK(products.multiply(tokens) == std::vector<float>{8, 8, static_cast<float>(tokens)});
  cuda_on_cpu::refuse_algorithm_checks(false);
  CHECK(products.asked() == 3 * 3);  // the bucket and the two within it
}
#endif

TEST_CASE("cuda linear: aligned bfloat16 products are cuBLASLt's, with bias and residual in the product itself") {
  const Precision half{.activations = DType::bfloat16};
  Site site(device_backend(), {.widest_row = 64, .rows = 16, .backward = true}, half, half, Placement::aligned);
  const Tensor x = site.activations(16, 32, random_floats(512, 1)), w = site.weights(64, 32, random_floats(2048, 2)),
               y = site.activations(16, 64, random_floats(1024, 3)), bias = site.vector(random_floats(64, 4));
  const cuda_on_cpu::TrafficScope scope;
  site->linear_forward({.y = y, .x = x, .weight = w, .bias = bias, .residual = y});
  const auto all = scope.all();
  REQUIRE(all.size() == 1);
  CHECK(all.begin()->first == "round_bias");
  CHECK(all.begin()->second.global_bytes() == 6 * 64);
}

#endif

}  // namespace
}  // namespace cheems
