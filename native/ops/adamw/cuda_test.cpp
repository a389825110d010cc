#include <bit>
#include <cmath>

#include "ops/adamw/stochastic_rounding.h"
#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/adamw/adamw.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

struct Hyper {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01, max_grad_norm = 0;
};

// float32 state has a master where the parameter is bfloat16, and here with `master` where it is float32.
enum class Form { float32_state, master, bfloat16_state };
constexpr Form kForms[] = {Form::float32_state, Form::master, Form::bfloat16_state};

// The tensors of a range of parameters in one of the forms; parameters begin at numbers that bfloat16 holds.
struct Range {
  Tensor parameter, master, gradient, first_moment, second_moment;

  Range(Site& site, int64_t rows, int64_t columns, Form form) {
    const bool narrow_state = form == Form::bfloat16_state;
    std::vector<float> start = random_floats(rows * columns, 1), zeros(start.size(), 0.0f);
    for (float& value : start) value = bfloat16_to_float(float_to_bfloat16(value));
    parameter = site.weights(rows, columns, start);
    if (form == Form::master || (!narrow_state && site.activation_dtype() == DType::bfloat16))
      master = site.floats(rows, columns, start, 0);
    first_moment = narrow_state ? site.weights(rows, columns, zeros) : site.floats(rows, columns, zeros, 0);
    second_moment = narrow_state ? site.weights(rows, columns, zeros) : site.floats(rows, columns, zeros, 0);
  }

  AdamWUpdate update(int64_t step, const Hyper& h) const {
    return {.parameter = parameter,
            .master = master,
            .gradient = gradient,
            .first_moment = first_moment,
            .second_moment = second_moment,
            .row_seen = nullptr,
            .squares = nullptr,
            .max_grad_norm = h.max_grad_norm,
            .step = step,
            .learning_rate = h.learning_rate,
            .beta1 = h.beta1,
            .beta2 = h.beta2,
            .epsilon = h.epsilon,
            .weight_decay = h.weight_decay,
            .seed = 77};
  }
};

bool all_zero(const Values& values) {
  return std::all_of(values.numbers.begin(), values.numbers.end(), [](double x) { return x == 0; });
}

void check_rounded(Site& site, const Range& range) {
  std::vector<float> master = as<float>(site.values(range.master).numbers);
  round_to(DType::bfloat16, master.data(), master.size());
  CHECK(site.values(range.parameter).numbers == as<double>(master));
}

// `steps` updates with gradients of their own; rows marked 0 in `row_seen` have none.
void check_steps(int64_t rows, int64_t columns, int64_t steps, const Hyper& h, Form form,
                 const std::vector<uint8_t>& row_seen = {}) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(static_cast<int>(form));
  check_operation({},
                  [&](Site& site) -> OutputList {
                    Range range(site, rows, columns, form);
                    for (int64_t step = 1; step <= steps; ++step) {
                      auto gradient = random_floats(rows * columns, 100 + static_cast<uint64_t>(step), 0.1);
                      double squares = 0;
                      for (size_t i = 0; i < gradient.size(); ++i) {
                        if (!row_seen.empty() && !row_seen[i / static_cast<size_t>(columns)]) gradient[i] = 0;
                        squares += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
                      }
                      range.gradient = site.gradient(rows, columns, gradient);
                      AdamWUpdate update = range.update(step, h);
                      if (!row_seen.empty()) update.row_seen = site.bytes(row_seen);
                      if (h.max_grad_norm > 0) update.squares = site.doubles({squares});
                      site->adamw_update(update);
                      CHECK(all_zero(site.values(range.gradient)));
                    }
                    OutputList outputs{
                        {"first moments", site.values(range.first_moment), kOutputs},
                        {"second moments", site.values(range.second_moment), kOutputs},
                        {"exact parameters", site.values(range.master ? range.master : range.parameter), kOutputs}};
                    // Two masters that differ in their last bit may round to neighbors of bfloat16: the copy is held to
                    // its own master.
                    if (range.master) check_rounded(site, range);
                    return outputs;
                  },
                  {.bfloat16_gradients = true, .cpu = form != Form::bfloat16_state});
}

TEST_CASE(
    "cuda adamw: torch's formulas over one and many steps, in every form, whole and ragged vectors; gradients are "
    "cleared") {
  for (const Form form : kForms) {
    check_steps(1, 1, 1, {}, form);
    check_steps(3, 5, 5, {.max_grad_norm = 0.25}, form);
    check_steps(1, 97, 20, {.learning_rate = 1e-2, .weight_decay = 0}, form);
    check_steps(33, 32, 2, {.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 1}, form);
    check_steps(1, 9003, 1, {.max_grad_norm = 1000}, form);  // several blocks, the last one not full; nothing to clip
  }
}

TEST_CASE("cuda adamw: rows that never had a gradient are only decayed") {
  std::vector<uint8_t> seen(13);
  for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 4 == 2;
  for (const Form form : kForms) {
    for (const int64_t columns : {1, 7, 64, 1032}) check_steps(13, columns, 2, {.weight_decay = 0.5}, form, seen);
    check_steps(13, 64, 2, {.weight_decay = 0}, form, seen);
  }
}

constexpr Placement kPlacements[] = {Placement::aligned, Placement::ragged};  // the vector path and the scalar one

// All three precisions of a range of 8 x 40 parameters on the device, in both placements.
template <class Body>
void on_every_form(Body body) {
  for (const Precision precision :
       {Precision{}, Precision{DType::bfloat16, DType::float32}, Precision{DType::bfloat16, DType::bfloat16}}) {
    for (const Form form : kForms) {
      for (const Placement placement : kPlacements) {
        Site site(device_backend(), {}, precision, precision, placement);
        const bool is_narrow = precision.activations == DType::bfloat16;
        Range range(site, 8, 40, form == Form::bfloat16_state && !is_narrow ? Form::float32_state : form);
        range.gradient = site.gradient(8, 40, random_floats(8 * 40, 5));
        body(site, range);
        CHECK(site.guards_hold());
      }
    }
  }
}

TEST_CASE("cuda adamw: where the squares are not finite nothing changes but the gradient, which is zeroed") {
  for (const double squares : {static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
    on_every_form([&](Site& site, Range& range) {
      const std::vector<uint8_t> seen = {1, 0, 1, 1, 0, 1, 1, 1};
      auto numbers = random_floats(8 * 40, 5);
      std::fill_n(numbers.begin() + 40, 40, 0.0f);
      std::fill_n(numbers.begin() + 160, 40, 0.0f);
      numbers[3] = NAN;
      for (const bool marked : {false, true}) {
        for (const double max_grad_norm : {0.0, 1.0}) {
          range.gradient = site.gradient(8, 40, numbers);
          const auto state = [&] {
            std::vector<Values> all;
            for (const Tensor& t : {range.parameter, range.first_moment, range.second_moment,
                                    range.master ? range.master : range.parameter})
              all.push_back(site.values(t));
            return all;
          };
          const auto before = state();
          AdamWUpdate update = range.update(1, {.max_grad_norm = max_grad_norm});
          update.squares = site.doubles({squares});
          if (marked) update.row_seen = site.bytes(seen);
          site->adamw_update(update);
          const auto after = state();
          for (size_t i = 0; i < before.size(); ++i) CHECK(same_bits(before[i], after[i]));
          CHECK(all_zero(site.values(range.gradient)));
        }
      }
    });
  }
}

TEST_CASE("cuda adamw: the gradient is clipped by the norm, as PyTorch does") {
  // sqrt(squares) = 10: clipped to 2.5, the first moment is (1 - beta1) times a quarter of the gradient.
  on_every_form([&](Site& site, Range& range) {
    const Values gradient = site.values(range.gradient);
    AdamWUpdate update = range.update(1, {.max_grad_norm = 2.5});
    update.squares = site.doubles({100});
    site->adamw_update(update);
    const Values first = site.values(range.first_moment);
    const double rounding = first.dtype == DType::bfloat16 ? 0x1p-7 : 0x1p-22;
    for (size_t i = 0; i < first.numbers.size(); ++i)
      CHECK(std::abs(first.numbers[i] - 0.025 * gradient.numbers[i]) <=
            (rounding + 1e-6) * std::abs(0.025 * gradient.numbers[i]));
  });
}

// Three steps of `rows` rows with bfloat16 state, each compared with the same arithmetic on the host; rows marked 0
// have no gradient.
void check_bits(int64_t rows, int64_t columns, Placement placement, const std::vector<uint8_t>& row_seen) {
  const Precision precision{DType::bfloat16, DType::bfloat16};
  Site site(device_backend(), {}, precision, precision, placement);
  Range range(site, rows, columns, Form::bfloat16_state);
  const Hyper h{.weight_decay = 0.3};
  const auto rounded = [](float x, uint32_t random) {
    return bfloat16_to_float(round_stochastically(std::bit_cast<uint32_t>(x), random));
  };
  const float beta1 = static_cast<float>(h.beta1), beta2 = static_cast<float>(h.beta2),
              keep = static_cast<float>(1 - h.learning_rate * h.weight_decay);
  for (int64_t step = 1; step <= 3; ++step) {
    auto numbers = random_floats(rows * columns, static_cast<uint64_t>(step), 0.1);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] *= row_seen[i / static_cast<size_t>(columns)];
    range.gradient = site.gradient(rows, columns, numbers);
    const Values p = site.values(range.parameter), g = site.values(range.gradient), m = site.values(range.first_moment),
                 v = site.values(range.second_moment);
    AdamWUpdate update = range.update(step, h);
    update.row_seen = rows > 1 ? site.bytes(row_seen) : nullptr;
    site->adamw_update(update);
    const Values new_p = site.values(range.parameter), new_m = site.values(range.first_moment),
                 new_v = site.values(range.second_moment);
    const float step_size = static_cast<float>(h.learning_rate / (1 - std::pow(h.beta1, step))),
                correction = static_cast<float>(1 / std::sqrt(1 - std::pow(h.beta2, step)));
    const uint64_t key = rounding_key(77, step);
    int64_t wrong = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const float gradient = static_cast<float>(g.numbers[i]);
      const float first = std::fma(beta1, static_cast<float>(m.numbers[i]), static_cast<float>(1 - h.beta1) * gradient);
      const float second =
          std::fma(beta2, static_cast<float>(v.numbers[i]), static_cast<float>(1 - h.beta2) * gradient * gradient);
      const float parameter =
          std::fma(-step_size, first / std::fma(std::sqrt(second), correction, static_cast<float>(h.epsilon)),
                   static_cast<float>(p.numbers[i]) * keep);
      const RoundingBits random = rounding_bits(key, i);
      wrong += static_cast<float>(new_p.numbers[i]) != rounded(parameter, random.parameter);
      wrong += static_cast<float>(new_m.numbers[i]) != rounded(first, random.first_moment);
      wrong += static_cast<float>(new_v.numbers[i]) != rounded(second, random.second_moment);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "cuda adamw: the steps of bfloat16 state are those of float32 arithmetic and of the documented random bits, to the "
    "bit") {
  for (const Placement placement : kPlacements) {
    check_bits(1, 5003, placement, {1});
    check_bits(5, 96, placement, {1, 0, 0, 1, 0});
  }
}

TEST_CASE("cuda adamw: updates far below a unit in the last place move a bfloat16 parameter on average") {
  // Below 1 bfloat16's numbers are 2^-8 apart, and rounding to nearest would bring 1 - 1e-4 back to 1 for ever.
  constexpr int64_t kCount = 4096, kSteps = 20;
  const Precision precision{DType::bfloat16, DType::bfloat16};
  std::vector<double> means;
  for (const uint64_t seed : {1, 2}) {
    Site site(device_backend(), {}, precision, precision, Placement::aligned);
    Range range(site, 1, kCount, Form::bfloat16_state);
    range.parameter = site.weights(1, kCount, std::vector<float>(kCount, 1.0f));
    for (int64_t step = 1; step <= kSteps; ++step) {
      range.gradient = site.gradient(1, kCount, std::vector<float>(kCount, 0.5f));
      AdamWUpdate update = range.update(step, {.learning_rate = 1e-4, .weight_decay = 0});
      update.seed = seed;
      site->adamw_update(update);
    }
    double sum = 0;
    for (const double p : site.values(range.parameter).numbers) sum += p;
    means.push_back(sum / kCount);
    // One step's rounding has a variance of at most 1e-4 * 2^-8: over the steps and parameters the mean's deviation is
    // below 5e-5.
    CHECK(std::abs(means.back() - (1 - kSteps * 1e-4)) <= 2e-4);
  }
  CHECK(means[0] != means[1]);
}

TEST_CASE("stochastic rounding: the mean over draws is the number; what bfloat16 holds, infinities and NaN stay") {
  const auto rounded = [](float value, uint32_t random) {
    return bfloat16_to_float(round_stochastically(std::bit_cast<uint32_t>(value), random));
  };
  for (const float value : {1.0001f, -1.0039f, 3.14159f, 1e-20f, -6.02e23f, 1e-40f}) {
    CAPTURE(value);
    double sum = 0;
    for (uint32_t random = 0; random < 65536; ++random) sum += static_cast<double>(rounded(value, random));
    CHECK(sum / 65536 ==
          doctest::Approx(static_cast<double>(value)).epsilon(1e-12));  // exact over all random bits there are
  }
  for (const float value : {0.0f, -0.0f, 1.0f, -1.5f, 0x1p-130f, INFINITY, -INFINITY}) {
    for (const uint32_t random : {0u, 1u, 0x7fffu, 0xffffu})
      CHECK(std::bit_cast<uint32_t>(rounded(value, random)) == std::bit_cast<uint32_t>(value));
  }
  for (const uint32_t random : {0u, 0xffffu})
    CHECK(std::isnan(bfloat16_to_float(round_stochastically(0x7f800001u, random))));
}

TEST_CASE("stochastic rounding: the bits are uniform and those of parameter, moments, steps and seeds are not alike") {
  constexpr int64_t kDraws = 1 << 16;
  std::vector<std::vector<double>> streams;
  for (const auto& [seed, step] : std::vector<std::pair<uint64_t, int64_t>>{{0, 1}, {0, 2}, {1, 1}}) {
    const uint64_t key = rounding_key(seed, step);
    std::vector<double> parameter, first, second;
    for (uint64_t i = 0; i < kDraws; ++i) {
      const RoundingBits random = rounding_bits(key, i);
      for (const uint32_t bits : {random.parameter, random.first_moment, random.second_moment}) REQUIRE(bits < 65536);
      parameter.push_back(random.parameter / 65536.0 - 0.5), first.push_back(random.first_moment / 65536.0 - 0.5),
          second.push_back(random.second_moment / 65536.0 - 0.5);
    }
    for (auto* stream : {&parameter, &first, &second}) streams.push_back(std::move(*stream));
  }
  // Means and correlations of uniform numbers: five deviations of 1 / sqrt(12 n) and of 1 / (12 sqrt(n)).
  for (size_t a = 0; a < streams.size(); ++a) {
    double mean = 0;
    for (const double x : streams[a]) mean += x / kDraws;
    CHECK(std::abs(mean) <= 5 / std::sqrt(12.0 * kDraws));
    for (size_t b = 0; b <= a; ++b) {
      double product = 0;
      for (size_t i = 0; i < streams[a].size(); ++i) product += streams[a][i] * streams[b][i] / kDraws;
      CHECK(std::abs(product - (a == b ? 1.0 / 12 : 0)) <= 5 / (12 * std::sqrt(static_cast<double>(kDraws))));
    }
  }
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE("cuda adamw: the traffic is the floor's, in every form, with rows unseen and without") {
  struct Case {
    Precision precision;
    Form form;
    int64_t bytes, decay_bytes;  // read and written per parameter: updated, decayed only
  };
  const DType wide = DType::float32, narrow = DType::bfloat16;
  constexpr int64_t kRows = 12, kColumns = 896;
  std::vector<uint8_t> seen(kRows);
  for (size_t row = 0; row < seen.size(); ++row) seen[row] = row % 3 == 0;
  const std::vector<Case> cases = {
      {{wide, wide}, Form::float32_state, 32, 8},      {{wide, wide}, Form::master, 36, 12},
      {{narrow, narrow}, Form::master, 30, 10},        {{narrow, wide}, Form::master, 34, 10},
      {{narrow, narrow}, Form::bfloat16_state, 16, 4}, {{narrow, wide}, Form::bfloat16_state, 20, 4}};
  for (const Case& form : cases) {
    CAPTURE(form.bytes);
    for (const bool marked : {false, true}) {
      CAPTURE(marked);
      Site site(device_backend(), {}, form.precision, form.precision, Placement::aligned);
      Range range(site, kRows, kColumns, form.form);
      range.gradient = site.gradient(kRows, kColumns, std::vector<float>(kRows * kColumns, 0.0f));
      AdamWUpdate update = range.update(1, {.max_grad_norm = 1});
      update.squares = site.doubles({4});
      if (marked) update.row_seen = site.bytes(seen);
      const cuda_on_cpu::TrafficScope traffic;
      site->adamw_update(update);
      const int64_t floor = kColumns * (marked ? 4 * form.bytes + 8 * form.decay_bytes : kRows * form.bytes),
                    moved = traffic.of("adamw_update").sector_bytes();
      CAPTURE(moved);
      CHECK(moved >= floor);
      CHECK(static_cast<double>(moved) <= 1.05 * static_cast<double>(floor));
    }
  }
}
#endif

}  // namespace
}  // namespace cheems
