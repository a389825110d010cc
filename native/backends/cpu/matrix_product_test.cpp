// The order of every element's sum is fixed (matrix_tiles-inl.h, kBlockDepth in matrix_product.cpp), so the tests ask
// for its exact bits.
#include "backends/cpu/cpu_facts.h"
#include "backends/cpu/matrix_product.h"

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "testing/cpu.h"
#include "testing/weights.h"

namespace cheems {
namespace {

using namespace testing;

struct Problem {
  int64_t rows, columns, depth;
  bool a_transposed = false, b_transposed = true;
  DType dtype = DType::float32;
  enum class Start { zero, bias, matrix, itself } start = Start::zero;
  DType arithmetic = DType::float32;
};

struct Numbers {
  std::vector<float> a, initial;  // a as it is stored
  Weights b;
  explicit Numbers(const Problem& p)
      : a(random_floats(p.rows * p.depth, 1)),
        initial(random_floats(p.start == Problem::Start::bias ? p.columns : p.rows * p.columns, 3)),
        b(p.b_transposed ? p.columns : p.depth, p.b_transposed ? p.depth : p.columns, p.dtype,
          random_floats(p.columns * p.depth, 2)) {}
};

// [c +] block_0 + block_1 + … [+ addend]; a block of 768 terms is the sum of twelve chains of 64 multiply-adds from
// zero.
std::vector<float> chains(const Problem& p, const Numbers& n, bool fused) {
  constexpr int64_t kChain = 64, kBlock = 768;
  std::vector<float> c(static_cast<size_t>(p.rows * p.columns));
  for (int64_t i = 0; i < p.rows; ++i) {
    for (int64_t j = 0; j < p.columns; ++j) {
      const float initial =
          p.start == Problem::Start::zero
              ? 0
              : n.initial[static_cast<size_t>(p.start == Problem::Start::bias ? j : i * p.columns + j)];
      float sum = p.start == Problem::Start::itself ? initial : 0, block = 0, chain = 0;
      for (int64_t k = 0; k < p.depth; ++k) {
        const float left = n.a[static_cast<size_t>(p.a_transposed ? k * p.rows + i : i * p.depth + k)];
        const float right = n.b.widened()[static_cast<size_t>(p.b_transposed ? j * p.depth + k : k * p.columns + j)];
        chain = fused ? std::fma(left, right, chain) : left * right + chain;
        const bool last = k + 1 == p.depth;
        if ((k + 1) % kChain == 0 || last) block += std::exchange(chain, 0.0f);
        if ((k + 1) % kBlock == 0 || last) sum += std::exchange(block, 0.0f);
      }
      c[static_cast<size_t>(i * p.columns + j)] = p.start == Problem::Start::itself ? sum : initial + sum;
    }
  }
  return c;
}

class Product {
 public:
  explicit Product(int threads)
      : pool_(threads),
        workspace_(static_cast<char*>(
            std::aligned_alloc(64, static_cast<size_t>((cpu::matrix_product_workspace(threads) + 63) / 64 * 64)))) {}
  std::vector<float> operator()(const Problem& p, const Numbers& n) {
    Matrix a(p.a_transposed ? p.depth : p.rows, p.a_transposed ? p.rows : p.depth, n.a);
    Matrix c(p.rows, p.columns, p.start == Problem::Start::itself ? n.initial : std::vector<float>(), 5);
    Matrix beside(p.start == Problem::Start::bias ? 1 : p.rows, p.columns,
                  p.start == Problem::Start::zero ? std::vector<float>() : n.initial, 2);
    const Tensor a_view = a.view(), c_view = c.view(), addend = beside.view();
    const bool adds = p.start == Problem::Start::bias || p.start == Problem::Start::matrix;
    const ConstTensor b = n.b.view();
    cpu::matrix_product(
        {p.rows, p.columns, p.depth, floats(a_view), a_view.stride, p.a_transposed, b.data, b.dtype, b.stride,
         p.b_transposed, floats(c_view), c_view.stride, p.start == Problem::Start::itself,
         adds ? floats(addend) : nullptr, p.start == Problem::Start::bias ? 0 : addend.stride, p.arithmetic},
        pool_, workspace_.get());
    CHECK((a.guards_hold() && c.guards_hold() && beside.guards_hold()));
    return c.values();
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  ThreadPool pool_;
  std::unique_ptr<char, Free> workspace_;
};

void check_product(const Problem& p, const std::string& target, std::vector<std::unique_ptr<Product>>& products) {
  CAPTURE(p.rows);
  CAPTURE(p.columns);
  CAPTURE(p.depth);
  CAPTURE(p.a_transposed);
  CAPTURE(p.b_transposed);
  CAPTURE(std::string(name(p.dtype)));
  CAPTURE(static_cast<int>(p.start));
  const Numbers numbers(p);
  const auto expected = chains(p, numbers, cpu::fuses(target));
  for (auto& product : products) CHECK(same_bits((*product)(p, numbers), expected));
}

std::vector<std::unique_ptr<Product>> with_threads(std::initializer_list<int> counts) {
  std::vector<std::unique_ptr<Product>> products;
  for (const int threads : counts) products.push_back(std::make_unique<Product>(threads));
  return products;
}

TEST_CASE(
    "matrix_product: each element is the sum of its chains in order, to the last bit, for every shape, layout, dtype, "
    "start, target and thread count") {
  auto products = with_threads({1, 2, 5});
  for_each_simd_target([&](const std::string& target) {
    for (const bool a_transposed : {false, true}) {
      for (const bool b_transposed : {false, true}) {
        for (const DType dtype : kEveryDType) {
          for (const auto& [rows, columns, depth] : {std::array<int64_t, 3>{1, 1, 1},
                                                     {3, 5, 7},
                                                     {17, 33, 31},
                                                     {1, 65, 97},
                                                     {13, 97, 5},
                                                     {97, 3, 63},
                                                     {14, 40, 64},
                                                     {5, 33, 129},
                                                     {50, 7, 769}})
            check_product({rows, columns, depth, a_transposed, b_transposed, dtype}, target, products);
        }
        for (const auto start : {Problem::Start::bias, Problem::Start::matrix, Problem::Start::itself})
          check_product({31, 63, 900, a_transposed, b_transposed, DType::float32, start}, target, products);
      }
    }
  });
}

TEST_CASE("matrix_product: many chunks of columns, and products so deep that one panel is cut along the depth") {
  auto products = with_threads({1, 5});
  for_each_simd_target([&](const std::string& target) {
    check_product({5, 2200, 1003, false, true, DType::bfloat16, Problem::Start::bias}, target, products);
    check_product({50, 2200, 1003, false, true, DType::bfloat16, Problem::Start::bias}, target, products);
    check_product({3, 5, (1 << 21) / 12 + 77, true, false, DType::float32, Problem::Start::itself}, target, products);
    check_product({3, 13, (1 << 21) / 24 + 77, false, true, DType::float16, Problem::Start::bias}, target, products);
    check_product({2, 37, (1 << 21) / 32 * 2 + 1, false, false, DType::float32, Problem::Start::matrix}, target,
                  products);
  });
}

TEST_CASE("matrix_product: the chains are the product, as float64 knows it") {
  const Problem p{97, 65, 300};
  const Numbers n(p);
  std::vector<double> exact(static_cast<size_t>(p.rows * p.columns));
  for (int64_t i = 0; i < p.rows; ++i) {
    for (int64_t j = 0; j < p.columns; ++j) {
      for (int64_t k = 0; k < p.depth; ++k)
        exact[static_cast<size_t>(i * p.columns + j)] +=
            static_cast<double>(n.a[static_cast<size_t>(i * p.depth + k)]) *
            n.b.widened()[static_cast<size_t>(j * p.depth + k)];
    }
  }
  check_rounding("product", kOutputs, Product(2)(p, n), chains(p, n, false), exact);
}

// A residual of a thousand times the product, as real models have them: it must be rounded to once, not once per term.
TEST_CASE("matrix_product: a large initial value costs the product no digits") {
  for_each_simd_target([](const std::string&) {
    for (const int64_t rows : {5, 60}) {
      const Problem p{rows, 33, 1536, false, true, DType::float32, Problem::Start::matrix};
      Numbers n(p);
      for (float& x : n.initial) x = 4096 + 1024 * x;
      const auto out = Product(2)(p, n);
      double squares = 0;
      for (int64_t i = 0; i < p.rows; ++i) {
        for (int64_t j = 0; j < p.columns; ++j) {
          double exact = n.initial[static_cast<size_t>(i * p.columns + j)];
          for (int64_t k = 0; k < p.depth; ++k)
            exact += static_cast<double>(n.a[static_cast<size_t>(i * p.depth + k)]) *
                     n.b.widened()[static_cast<size_t>(j * p.depth + k)];
          squares += std::pow(out[static_cast<size_t>(i * p.columns + j)] - exact, 2);
        }
      }
      const double rms = std::sqrt(squares / static_cast<double>(p.rows * p.columns));
      CAPTURE(rms);
      // One rounding of a number between 4096 and 8192 has a deviation of 2^-11 / sqrt 12. A chain that begins there:
      // 20 times as much.
      CHECK(rms < 1.5 * std::pow(2, -11) / std::sqrt(12));
    }
  });
}

// Both factors rounded to bfloat16, then the product in float64: what is left is the rounding of sums.
void check_rounded_product(const Problem& p, std::vector<std::unique_ptr<Product>>& products) {
  CAPTURE(p.rows);
  CAPTURE(p.columns);
  CAPTURE(p.depth);
  CAPTURE(p.a_transposed);
  CAPTURE(p.b_transposed);
  CAPTURE(std::string(name(p.dtype)));
  CAPTURE(static_cast<int>(p.start));
  const Numbers n(p);
  std::vector<float> a = n.a, b = n.b.widened();
  round_to(DType::bfloat16, a.data(), a.size());
  round_to(DType::bfloat16, b.data(), b.size());
  const auto out = (*products[0])(p, n);
  double worst = 0;
  for (int64_t i = 0; i < p.rows; ++i) {
    for (int64_t j = 0; j < p.columns; ++j) {
      double exact = 0, terms = 0;
      if (p.start != Problem::Start::zero)
        exact = n.initial[static_cast<size_t>(p.start == Problem::Start::bias ? j : i * p.columns + j)];
      terms = std::abs(exact);
      for (int64_t k = 0; k < p.depth; ++k) {
        const double term =
            static_cast<double>(a[static_cast<size_t>(p.a_transposed ? k * p.rows + i : i * p.depth + k)]) *
            b[static_cast<size_t>(p.b_transposed ? j * p.depth + k : k * p.columns + j)];
        exact += term, terms += std::abs(term);
      }
      worst = std::max(worst, std::abs(out[static_cast<size_t>(i * p.columns + j)] - exact) / terms);
    }
  }
  CHECK(worst < 4e-6);
  for (auto& product : products) CHECK(same_bits((*product)(p, n), out));
}

TEST_CASE("matrix_product in bfloat16: every shape, layout, dtype and start, the same bits with any threads") {
  if (!cpu::computes_bfloat16_products()) return;
  auto products = with_threads({1, 2, 5});
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const DType dtype : kEveryDType) {
        for (const auto& [rows, columns, depth] : {std::array<int64_t, 3>{1, 1, 1},
                                                   {3, 5, 7},
                                                   {17, 33, 31},
                                                   {1, 65, 97},
                                                   {13, 97, 5},
                                                   {97, 3, 63},
                                                   {14, 64, 64},
                                                   {5, 33, 129},
                                                   {50, 7, 769}})
          check_rounded_product({.rows = rows,
                                 .columns = columns,
                                 .depth = depth,
                                 .a_transposed = a_transposed,
                                 .b_transposed = b_transposed,
                                 .dtype = dtype,
                                 .arithmetic = DType::bfloat16},
                                products);
      }
      for (const auto start : {Problem::Start::bias, Problem::Start::matrix, Problem::Start::itself})
        check_rounded_product({31, 63, 900, a_transposed, b_transposed, DType::bfloat16, start, DType::bfloat16},
                              products);
    }
  }
  // More rows than a chunk of A has room for, and a depth of which one panel has none.
  check_rounded_product({700, 33, 8000, false, true, DType::bfloat16, Problem::Start::bias, DType::bfloat16}, products);
  check_rounded_product(
      {2, 5, (1 << 21) / 6 + 77, true, false, DType::float32, Problem::Start::itself, DType::bfloat16}, products);
}

void check_rows_alone(const DType arithmetic) {
  Product product(2);
  Problem p{130, 33, 70};
  p.arithmetic = arithmetic;
  Numbers n(p);
  const auto whole = product(p, n);
  for (const int64_t row : {0, 1, 11, 12, 64, 129}) {
    for (const int64_t rows : {1, 2, 7, 25}) {
      const int64_t place = row % rows;
      Problem some = p;
      some.rows = rows;
      Numbers other(some);
      std::copy_n(n.a.begin() + row * p.depth, p.depth, other.a.begin() + place * p.depth);
      const auto out = product(some, other);
      CHECK(same_bits({out.begin() + place * p.columns, out.begin() + (place + 1) * p.columns},
                      {whole.begin() + row * p.columns, whole.begin() + (row + 1) * p.columns}));
    }
    auto broken = n;
    broken.a[static_cast<size_t>(row * p.depth + 3)] = NAN;
    auto out = product(p, broken);
    for (int64_t j = 0; j < p.columns; ++j) {
      float& element = out[static_cast<size_t>(row * p.columns + j)];
      CHECK(std::isnan(element));
      element = whole[static_cast<size_t>(row * p.columns + j)];
    }
    CHECK(same_bits(out, whole));
  }
}

TEST_CASE("matrix_product: a row keeps its bits among any other rows, at any place, and its NaN to itself") {
  for_each_simd_target([](const std::string&) { check_rows_alone(DType::float32); });
  if (cpu::computes_bfloat16_products()) check_rows_alone(DType::bfloat16);
}

}  // namespace
}  // namespace cheems
