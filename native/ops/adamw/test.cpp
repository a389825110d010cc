#include <cmath>

#include "core/error.h"
#include "ops/adamw/adamw.h"
#include "testing/cpu.h"

namespace cheems {
namespace {

using namespace testing;

struct Hyper {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01, clip = 1;
  // What gives that clip: a squared norm of 1 and this largest norm (PyTorch adds 1e-6 to the norm).
  double max_grad_norm() const { return clip * (1 + 1e-6); }
};

template <class Real>
struct AdamState {
  std::vector<Real> p, m, v;
  explicit AdamState(const std::vector<float>& start) : p(as<Real>(start)), m(start.size()), v(start.size()) {}

  // torch.optim.AdamW, single tensor, in its order.
  void step(const std::vector<float>& gradient, int64_t step, const Hyper& h) {
    const double correction1 = 1 - std::pow(h.beta1, static_cast<double>(step)),
                 correction2 = 1 - std::pow(h.beta2, static_cast<double>(step));
    for (size_t i = 0; i < p.size(); ++i) {
      const Real g = static_cast<Real>(gradient[i]) * static_cast<Real>(h.clip);
      p[i] *= static_cast<Real>(1 - h.learning_rate * h.weight_decay);
      m[i] = m[i] + (g - m[i]) * static_cast<Real>(1 - h.beta1);
      v[i] = v[i] * static_cast<Real>(h.beta2) + static_cast<Real>(1 - h.beta2) * g * g;
      const Real denominator =
          std::sqrt(v[i]) / static_cast<Real>(std::sqrt(correction2)) + static_cast<Real>(h.epsilon);
      p[i] -= static_cast<Real>(h.learning_rate / correction1) * m[i] / denominator;
    }
  }
};

constexpr double kOne = 1;

AdamWUpdate update(Matrix& p, Matrix& g, Matrix& m, Matrix& v, int64_t step, const Hyper& h,
                   const uint8_t* row_seen = nullptr) {
  return {.parameter = p.view(),
          .gradient = g.view(),
          .first_moment = m.view(),
          .second_moment = v.view(),
          .row_seen = row_seen,
          .squares = &kOne,
          .max_grad_norm = h.max_grad_norm(),
          .step = step,
          .learning_rate = h.learning_rate,
          .beta1 = h.beta1,
          .beta2 = h.beta2,
          .epsilon = h.epsilon,
          .weight_decay = h.weight_decay};
}

void check_steps(int64_t rows, int64_t columns, int64_t steps, const Hyper& h) {
  CAPTURE(rows);
  CAPTURE(columns);
  const auto start = random_floats(rows * columns, 1);
  AdamState<float> plain(start);
  AdamState<double> exact(start);
  for (int64_t step = 1; step <= steps; ++step) {
    const auto g = random_floats(rows * columns, 100 + static_cast<uint64_t>(step), 0.1);
    plain.step(g, step, h);
    exact.step(g, step, h);
  }
  const Outputs out = with_any_threads({}, [&](Cpu& cpu) -> Outputs {
    Matrix p = contiguous(rows, columns, start), g = p, m = contiguous(rows, columns), v = m;
    for (int64_t step = 1; step <= steps; ++step) {
      g = contiguous(rows, columns, random_floats(rows * columns, 100 + static_cast<uint64_t>(step), 0.1));
      cpu->adamw_update(update(p, g, m, v, step, h));
    }
    for (const Matrix* matrix : {&p, &g, &m, &v}) CHECK(matrix->guards_hold());
    return {p.values(), g.values(), m.values(), v.values()};
  });
  check_rounding("parameters", kOutputs, out[0], plain.p, exact.p);
  check_rounding("first moments", kOutputs, out[2], plain.m, exact.m);
  check_rounding("second moments", kOutputs, out[3], plain.v, exact.v);
  CHECK(std::all_of(out[1].begin(), out[1].end(), [](float x) { return x == 0; }));
}

TEST_CASE(
    "adamw: torch's formulas over one and many steps, every size, target and thread count; gradients are cleared") {
  for_each_simd_target([](const std::string&) {
    check_steps(1, 1, 1, {});
    check_steps(3, 5, 10, {.clip = 0.25});
    check_steps(1, 97, 100, {.learning_rate = 1e-2, .weight_decay = 0});
    check_steps(33, 31, 5, {.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 1});
    check_steps(3, 16411, 2, {});  // rows that do not fill whole blocks
  });
}

TEST_CASE("adamw: the first step moves by the learning rate against the gradient's sign, however small the gradient") {
  Cpu cpu(1);
  Matrix p = contiguous(1, 3, {1, 1, 1}), g = contiguous(1, 3, {1e-4f, -100, 0}), m = contiguous(1, 3),
         v = contiguous(1, 3);
  cpu->adamw_update(update(p, g, m, v, 1, {.weight_decay = 0}));
  CHECK(p.values()[0] == doctest::Approx(0.999).epsilon(1e-6));
  CHECK(p.values()[1] == doctest::Approx(1.001).epsilon(1e-6));
  CHECK(p.values()[2] == 1);
}

TEST_CASE("adamw: the clip is PyTorch's: max_norm / (norm + 1e-6), never above 1, and none where none is asked for") {
  const auto first_moment = [](double squares, double max_grad_norm, bool give = true) {
    Cpu cpu(1);
    Matrix p = contiguous(1, 1, {1}), g = contiguous(1, 1, {3}), m = contiguous(1, 1), v = contiguous(1, 1);
    AdamWUpdate a = update(p, g, m, v, 1, {});
    a.squares = give ? &squares : nullptr;
    a.max_grad_norm = max_grad_norm;
    cpu->adamw_update(a);
    return static_cast<double>(m.values()[0]);
  };
  CHECK(first_moment(16, 2) == doctest::Approx(0.3 * 2 / (4 + 1e-6)).epsilon(1e-6));
  CHECK(first_moment(16, 5) == doctest::Approx(0.3).epsilon(1e-6));
  CHECK(first_moment(16, 0) == doctest::Approx(0.3).epsilon(1e-6));
  CHECK(first_moment(16, 2, false) == doctest::Approx(0.3).epsilon(1e-6));
}

TEST_CASE("adamw: squares that are not finite leave everything but the gradient, which is cleared") {
  for (const double squares : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    Cpu cpu(1);
    Matrix p = contiguous(1, 3, {1, 2, 3}), g = contiguous(1, 3, {NAN, 1, INFINITY}), m = contiguous(1, 3, {1, 1, 1}),
           v = m;
    AdamWUpdate a = update(p, g, m, v, 2, {});
    a.squares = &squares;
    cpu->adamw_update(a);
    CHECK(p.values() == std::vector<float>{1, 2, 3});
    CHECK(m.values() == std::vector<float>{1, 1, 1});
    CHECK(v.values() == std::vector<float>{1, 1, 1});
    CHECK(g.values() == std::vector<float>{0, 0, 0});
  }
}

TEST_CASE("adamw: rows that never had a gradient get the same bits whether they are passed over or not") {
  for_each_simd_target([](const std::string&) {
    for (const double weight_decay : {0.0, 0.01}) {
      const int64_t rows = 65, columns = 33;
      std::vector<uint8_t> seen(65);
      for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 3 == 0;
      const auto with = [&](const uint8_t* row_seen) {
        return with_any_threads({}, [&](Cpu& cpu) -> Outputs {
          Matrix p = contiguous(rows, columns, random_floats(rows * columns, 1)), m = contiguous(rows, columns), v = m,
                 g = m;
          for (int64_t step = 1; step <= 20; ++step) {
            auto gradient = random_floats(rows * columns, 50 + static_cast<uint64_t>(step));
            for (size_t i = 0; i < gradient.size(); ++i) gradient[i] *= seen[i / static_cast<size_t>(columns)];
            g = contiguous(rows, columns, gradient);
            cpu->adamw_update(update(p, g, m, v, step, {.weight_decay = weight_decay}, row_seen));
          }
          return {p.values(), m.values(), v.values()};
        });
      };
      const Outputs all = with(nullptr), skipping = with(seen.data());
      for (size_t i = 0; i < all.size(); ++i) CHECK(all[i] == skipping[i]);
    }
  });
}

// The parameter of `master`, in bfloat16 or in float32, as numbers, and what it must be.
std::vector<float> rounded(std::vector<float> master) {
  round_to(DType::bfloat16, master.data(), master.size());
  return master;
}

TEST_CASE(
    "adamw: a parameter with a master is its rounding to bfloat16 in either dtype, and the master is what a parameter "
    "without one is") {
  for_each_simd_target([](const std::string&) {
    const int64_t rows = 65, columns = 33;
    std::vector<uint8_t> seen(65);
    for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 3 == 0;
    const auto start = random_floats(rows * columns, 1);
    for (const uint8_t* row_seen : {static_cast<const uint8_t*>(nullptr), static_cast<const uint8_t*>(seen.data())}) {
      // Without a master: {parameter, moments}; with one: the same of the master, and the parameter in both dtypes.
      const auto with = [&](bool is_master, DType dtype) {
        return with_any_threads({}, [&](Cpu& cpu) -> Outputs {
          Matrix exact = contiguous(rows, columns, start), g = exact, m = contiguous(rows, columns), v = m,
                 wide = exact;
          std::vector<uint16_t> narrow_memory(static_cast<size_t>(rows * columns), 0x7fff);
          for (int64_t step = 1; step <= 3; ++step) {
            auto gradient = random_floats(rows * columns, 50 + static_cast<uint64_t>(step));
            for (size_t i = 0; i < gradient.size(); ++i) gradient[i] *= seen[i / static_cast<size_t>(columns)];
            g = contiguous(rows, columns, gradient);
            AdamWUpdate a = update(exact, g, m, v, step, {}, row_seen);
            if (is_master) {
              a.master = a.parameter;
              a.parameter =
                  dtype == DType::float32 ? wide.view() : Tensor{narrow_memory.data(), dtype, rows, columns, columns};
            }
            cpu->adamw_update(a);
          }
          CHECK(wide.guards_hold());
          std::vector<float> narrow_values(narrow_memory.size());
          widen(narrow_memory.data(), DType::bfloat16, narrow_values.data(), narrow_values.size());
          return {exact.values(), m.values(), v.values(), dtype == DType::float32 ? wide.values() : narrow_values};
        });
      };
      const Outputs plain = with(false, DType::float32);
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const Outputs found = with(true, dtype);
        for (size_t i = 0; i < 3; ++i) CHECK(same_bits(found[i], plain[i]));
        CHECK(same_bits(found[3], rounded(plain[0])));
      }
    }
  });
}

TEST_CASE("adamw: masters and their rounding stay where the squares are not finite; what is no master is refused") {
  Cpu cpu(1);
  const double squares = NAN;
  Matrix master = contiguous(1, 3, {1.001f, 2, 3}), p = contiguous(1, 3, {1, 2, 3}), g = contiguous(1, 3, {NAN, 1, 1}),
         m = contiguous(1, 3, {1, 1, 1}), v = m;
  AdamWUpdate a = update(p, g, m, v, 2, {});
  a.master = master.view();
  a.squares = &squares;
  cpu->adamw_update(a);
  CHECK(p.values() == std::vector<float>{1, 2, 3});
  CHECK(master.values() == std::vector<float>{1.001f, 2, 3});
  CHECK(g.values() == std::vector<float>{0, 0, 0});
  a.parameter.dtype = DType::bfloat16;
  a.master = {};
  CHECK_THROWS_WITH_AS(cpu->adamw_update(a), doctest::Contains("bfloat16 tensor"), Error);
}

}  // namespace
}  // namespace cheems
