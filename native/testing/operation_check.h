// The check that every operation of a device backend passes: the same lambda is run on the device in each precision,
// and its results are checked by the tolerance rule.
//
//   check_operation({.widest_row = 64, .rows = 5}, [&](Site& site) -> OutputList {
//     const Tensor y = site.activations(5, 64), x = site.activations(5, 64, numbers);
//     site->some_operation({.y = y, .x = x});
//     return {{"y", site.values(y), kOutputs}};
//   });
//
// The rule: the largest error against the exact result may be `factor` times (2 for outputs, 3 for gradients) that of
// plain loops (plain_backend.h) with the same storage dtypes, plus a floor. The exact result ("truth") comes from plain
// loops in double, on float32 storage, with the same rounded inputs.
//
// The floor is for results where the plain loops happen to be exact, as with one number or one term. Its unit is the
// rounding error of the largest number (or term), u = 2^-24 for float32 and 2^-8 for bfloat16:
//   float32: 8 u, as on the CPU. Another order of summation and an approximate exponential with an error of 2 units
//   stay
//     below it. A bfloat16 rounding that the contract does not have is 2^16 u; a wrong index or a lost term is as large
//     as the numbers.
//   bfloat16: 1 u, the final rounding, which correct code always has. There is no more for bfloat16: code that rounds
//     once more than plain code must stay within the factor.
#pragma once

#include <functional>

#include "backends/cuda/cuda_backend.h"
#include "testing/cpu.h"
#include "testing/plain_backend.h"
#include "testing/site.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "testing/cuda_on_cpu/schedule.h"
#endif

namespace cheems::testing {

struct Output {
  std::string name;
  Values values;
  double factor;     // kOutputs or kGradients
  double terms = 0;  // size of the terms if they may cancel to a smaller result; the truth's value is used
};
using OutputList = std::vector<Output>;

struct CheckOptions {
  bool bfloat16 = true;             // also with bfloat16 activations
  bool bfloat16_gradients = false;  // and with bfloat16 gradients of matrices in addition to float32 ones
  bool cpu = true;                  // also check the CPU backend by the rule, in float32
  // Called before each run on the device, each time with another number: if the tests schedule the threads, it changes
  // their order.
  std::function<void(uint64_t)> reseed_schedule = {};
};

inline double floor_of(DType dtype) { return dtype == DType::bfloat16 ? 0x1p-8 : 8 * 0x1p-24; }

inline bool same_bits(const Values& a, const Values& b) {
  return a.dtype == b.dtype && a.numbers.size() == b.numbers.size() &&
         (a.numbers.empty() || std::memcmp(a.numbers.data(), b.numbers.data(), a.numbers.size() * sizeof(double)) == 0);
}

// The rule itself.
inline void check_outputs(const OutputList& found, const OutputList& plain, const OutputList& truth) {
  REQUIRE(found.size() == truth.size());
  REQUIRE(plain.size() == truth.size());
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string output = found[i].name, dtype = name(found[i].values.dtype);
    const std::vector<double>& exact = truth[i].values.numbers;
    CAPTURE(output);
    CAPTURE(dtype);
    CAPTURE(exact.size());
    const double size = std::max(largest(exact), truth[i].terms);
    const double plain_error = worst_error(plain[i].values.numbers, exact);
    CAPTURE(plain_error);
    CAPTURE(size);
    CHECK(worst_error(found[i].values.numbers, exact) <=
          found[i].factor * plain_error + floor_of(found[i].values.dtype) * size + 1e-37);
  }
}

template <class Run>
OutputList outputs_on(Backend& backend, const WorkspaceRequest& request, Precision storage, Precision numbers,
                      Placement placement, Run run) {
  Site site(backend, request, storage, numbers, placement);
  OutputList outputs = run(site);
  CHECK(site.guards_hold());
  return outputs;
}

// Runs run(Site&) -> OutputList everywhere and compares. On the device every precision is run in both placements, twice
// in each; both runs must give the same bits.
template <class Run>
void check_operation_on(Backend& device, const WorkspaceRequest& request, Run run, const CheckOptions& options = {}) {
  std::vector<Precision> precisions{{}};
  if (options.bfloat16 && device.activations(DType::bfloat16) == DType::bfloat16) {
    precisions.push_back({DType::bfloat16, DType::float32});
    if (options.bfloat16_gradients) precisions.push_back({DType::bfloat16, DType::bfloat16});
  }
  uint64_t schedule = 0;
  for (const Precision precision : precisions) {
    const std::string activations = name(precision.activations), gradients = name(precision.gradients);
    CAPTURE(activations);
    CAPTURE(gradients);
    const OutputList plain = outputs_on(plain_backend<float>(), request, precision, precision, Placement::ragged, run);
    const OutputList truth = outputs_on(plain_backend<double>(), request, {}, precision, Placement::ragged, run);
    for (const Placement placement : {Placement::aligned, Placement::ragged}) {
      const std::string where = device.name() + (placement == Placement::aligned ? ", aligned" : ", ragged");
      CAPTURE(where);
      const auto once = [&] {
        if (options.reseed_schedule) options.reseed_schedule(++schedule);
        return outputs_on(device, request, precision, precision, placement, run);
      };
      const OutputList found = once(), again = once();
      check_outputs(found, plain, truth);
      for (size_t i = 0; i < found.size(); ++i) {
        const std::string repeated = found[i].name;
        CAPTURE(repeated);
        CHECK(same_bits(found[i].values, again[i].values));
      }
    }
    if (options.cpu && precision.activations == DType::float32) {
      const std::string where = "cpu";
      CAPTURE(where);
      check_outputs(outputs_on(cpu_backend(2), request, precision, precision, Placement::ragged, run), plain, truth);
    }
  }
}

// The device backend under test, created once: CUDA's, on a GPU or executed on the CPU (testing/cuda_on_cpu/).
inline Backend& device_backend() {
  static const std::unique_ptr<Backend> backend = create_cuda_backend(0);
  return *backend;
}

#ifdef CHEEMS_CUDA_ON_CPU
// Gives each run another order of threads, so that two runs that must give the same bits never have the same order.
inline void schedule_run(uint64_t run) {
  using cuda_on_cpu::Order;
  constexpr Order kOrders[] = {Order::random, Order::warp_sprint, Order::reverse, Order::random};
  cuda_on_cpu::set_schedule({kOrders[run % 4], cuda_on_cpu::schedule().seed + run});
}
#endif

template <class Run>
void check_operation(const WorkspaceRequest& request, Run run, CheckOptions options = {}) {
#ifdef CHEEMS_CUDA_ON_CPU
  const cuda_on_cpu::ScheduleScope restored(cuda_on_cpu::schedule());
  if (!options.reseed_schedule) options.reseed_schedule = schedule_run;
#endif
  check_operation_on(device_backend(), request, run, options);
}

}  // namespace cheems::testing
