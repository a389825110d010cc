// The elementary functions against float64, in units in the last place, over all of float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/elementary_test.cpp"
#include "hwy/foreach_target.h"

#include "backends/cpu/elementary-inl.h"

#ifndef CHEEMS_ELEMENTARY_TEST_FUNCTIONS
#define CHEEMS_ELEMENTARY_TEST_FUNCTIONS
enum class Function { exp, sigmoid, tanh, normal_distribution, float_exp, float_sigmoid };
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

void evaluate(Function function, const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kFloatLanes) {
    const FloatVec v = load(x + i, count - i);
    switch (function) {
      case Function::exp:
        store(narrow(exp(v)), y + i, count - i);
        break;
      case Function::sigmoid:
        store(in_double(v, [](DoubleVec d) HWY_ATTR { return sigmoid(d); }), y + i, count - i);
        break;
      case Function::tanh:
        store(in_double(v, [](DoubleVec d) HWY_ATTR { return tanh(d); }), y + i, count - i);
        break;
      case Function::float_exp:
        store(float_exp(v), y + i, count - i);
        break;
      case Function::float_sigmoid:
        store(sigmoid(v), y + i, count - i);
        break;
      case Function::normal_distribution:
        store(in_double(v, [](DoubleVec d) HWY_ATTR { return normal_distribution(d); }), y + i, count - i);
        break;
    }
  }
}

void sums(const float* x, int64_t count, double* dot_product, float* largest) {
  *dot_product = dot(x, x, count);
  *largest = largest_lane(load(x, count));
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <bit>
#include <cmath>
#include <cstdlib>

#include "testing/cpu.h"

namespace cheems {
namespace cpu {
HWY_EXPORT(evaluate);
HWY_EXPORT(sums);
namespace {
// Where one target is compiled alone, Highway looks for its functions from where it is asked.
void evaluate_with_chosen(Function function, const float* x, float* y, int64_t count) {
  HWY_DYNAMIC_DISPATCH(evaluate)(function, x, y, count);
}
void sums_with_chosen(const float* x, int64_t count, double* dot_product, float* largest) {
  HWY_DYNAMIC_DISPATCH(sums)(x, count, dot_product, largest);
}
}  // namespace
}  // namespace cpu
namespace {

using namespace testing;

double exact(Function function, double x) {
  switch (function) {
    case Function::exp:
    case Function::float_exp:
      return std::exp(x);
    case Function::sigmoid:
    case Function::float_sigmoid:
      return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
    case Function::tanh:
      return std::tanh(x);
    case Function::normal_distribution:
      return std::erfc(-x / std::sqrt(2.0)) / 2;
  }
  return 0;
}

// The distance of two float32 numbers around `value`.
double unit_in_last_place(double value) { return std::ldexp(1.0, std::max(std::ilogb(std::abs(value)), -126) - 23); }

double error_in_units(float y, double value) {
  if (std::isnan(value)) return std::isnan(y) ? 0 : INFINITY;
  if (y == static_cast<float>(value))
    return value == 0 || std::isinf(y) ? 0 : std::abs(y - value) / unit_in_last_place(value);
  return std::isfinite(y) ? std::abs(y - value) / unit_in_last_place(value) : INFINITY;
}

TEST_CASE(
    "elementary functions in float32: at most 3 units in the last place where the result is no less than 2^-125") {
  for_each_simd_target([](const std::string&) {
    std::vector<float> x;
    for (float at = -86; at < 88; at += 0x1.234p-8f) x.push_back(at);
    std::vector<float> y(x.size());
    for (const auto& [function, what] : {std::pair{Function::float_exp, "exp"}, {Function::float_sigmoid, "sigmoid"}}) {
      CAPTURE(what);
      cpu::evaluate_with_chosen(function, x.data(), y.data(), static_cast<int64_t>(x.size()));
      double worst = 0;
      for (size_t i = 0; i < x.size(); ++i)
        worst = std::max(worst, error_in_units(y[i], exact(function, static_cast<double>(x[i]))));
      CHECK(worst <= 3);
      std::vector<float> ends = {-88, -1e30f, NAN}, out(3);
      cpu::evaluate_with_chosen(function, ends.data(), out.data(), 3);
      CHECK((out[0] == 0 && out[1] == 0 && std::isnan(out[2])));
    }
  });
}

// Every `step`-th bit pattern of float32; CHEEMS_FLOAT_STEP=1 takes all 2^32 (a step of 509 takes 3 s).
TEST_CASE("elementary functions: at most 0.501 units in the last place, over all of float32") {
  const char* given = std::getenv("CHEEMS_FLOAT_STEP");
  const uint64_t step = given ? std::strtoull(given, nullptr, 10) : 20011;
  REQUIRE(step > 0);
  constexpr std::pair<Function, const char*> kFunctions[] = {{Function::exp, "exp"},
                                                             {Function::sigmoid, "sigmoid"},
                                                             {Function::tanh, "tanh"},
                                                             {Function::normal_distribution, "normal_distribution"}};
  for_each_simd_target([&](const std::string& target) {
    for (const auto& [function, name] : kFunctions) {
      double worst = 0;
      float worst_at = 0;
      std::vector<float> x, y;
      const auto take = [&] {
        y.assign(x.size(), 0);
        cpu::evaluate_with_chosen(function, x.data(), y.data(), static_cast<int64_t>(x.size()));
        for (size_t i = 0; i < x.size(); ++i) {
          const double error = error_in_units(y[i], exact(function, x[i]));
          if (error > worst) worst = error, worst_at = x[i];
        }
        x.clear();
      };
      for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += step) {
        x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
        if (x.size() == 1 << 16) take();
      }
      x.insert(x.end(), {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 88.72f, 88.73f, -87.4f, -103.2f, -104.5f, 1e-30f,
                         -1e-30f, 0.5f, -0.5f, 3e38f, -3e38f});
      take();
      CAPTURE(name);
      CAPTURE(worst_at);
      CHECK(worst < 0.501);
      if (given)
        MESSAGE(target << ": " << std::string(name) << " errs by up to " << worst << " units in the last place, at "
                       << worst_at);
    }
  });
}

TEST_CASE("sums across lanes have a written order") {
  for_each_simd_target([](const std::string&) {
    std::vector<float> x(1000);
    // Numbers whose sum depends on its order in float32, and hardly in float64.
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = std::ldexp(static_cast<float>(static_cast<int>(i % 13) - 6), static_cast<int>(i * 7 % 24));
    double total = 0, dot_product = 0;
    for (const float value : x) total += static_cast<double>(value) * value;
    float largest = 0;
    cpu::sums_with_chosen(x.data(), 1000, &dot_product, &largest);
    CHECK(std::abs(dot_product - total) <= 1e-14 * total);
    const std::vector<float> one_lane = {-3};
    cpu::sums_with_chosen(one_lane.data(), 1, &dot_product, &largest);
    CHECK(dot_product == 9);
  });
}

}  // namespace
}  // namespace cheems
#endif
