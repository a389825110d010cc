// AdamW on CUDA, in both forms. Contract: ops/adamw/adamw.h.
//
// Fused: clipping by the global norm (the factor is computed on the device from *squares, so the host need not wait for
// it), the whole update, rounding a float32 master to bfloat16 (stored in bfloat16 or in float32), stochastic rounding,
// and zeroing the gradient. Floor, bytes read + written per parameter:
//   float32 throughout                        16 + 16
//   the same with a float32 master            16 + 20
//   float32 state, bfloat16 parameter         12 + 14 and the gradient: 2 + 2 or 4 + 4
//   bfloat16 state                             6 +  6 and the gradient: 2 + 2 or 4 + 4
// Rows that never had a gradient: only the parameter (with its master), and nothing if there is no decay. About 15
// FLOPs, a square root and a division per parameter; the random bits of bfloat16 state add about 20 integer operations.
// Bound by memory.
// Layout: one block takes a run: a row if rows are marked, else 4096 parameters. A thread takes as many parameters at a
// time as make 16 bytes of the widest type, so all streams are loaded and stored in whole sectors. Thread 0 computes
// the clipping factor in double, looks up its row, and shares both. Arithmetic follows ops/adamw/cpu.cpp operation by
// operation; fused multiply-adds are explicit.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/adamw/adamw.h"
#include "ops/adamw/stochastic_rounding.h"

namespace cheems::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kRun = 4096;

// The update's scalars, computed once in double on the host, as PyTorch does.
struct Scalars {
  float keep, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_root_correction2, epsilon;
};

template <class Parameter, class Gradient, class State>
struct Arguments {
  Parameter* parameter;
  float* master;  // with float32 state: never null where the parameter is bfloat16, may be null where it is float32;
                  // else null
  Gradient* gradient;
  State *first_moment, *second_moment;
  const uint8_t* row_seen;
  int64_t total, run;
  const double* squares;
  double max_grad_norm;
  Scalars scalars;
  uint64_t key;
};

// What the threads of a block have in common, computed by thread 0.
struct RunShared {
  float clip;
  int finite;  // the squares; or there are none
  int seen;    // the block's row
};

template <class T, class Values>
__device__ __forceinline__ void store(T* to, const Values& elements) {
  if constexpr (sizeof(Values) == sizeof(T)) *to = elements.values[0];
  else store_vector(to, elements);
}

// The factor is that of torch.nn.utils.clip_grad_norm_, in double.
__device__ __forceinline__ void work_out(const double* squares, double max_grad_norm, const uint8_t* row_seen,
                                         RunShared& shared) {
  const double sum = squares ? *squares : 0;
  const double clip = max_grad_norm > 0 ? max_grad_norm / (sqrt(sum) + 1e-6) : 1;
  shared.clip = static_cast<float>(squares && clip < 1 ? clip : 1);
  shared.finite = sum - sum == 0;
  shared.seen = !row_seen || row_seen[blockIdx.x] != 0;
}

// One parameter in float32: the moments are replaced, the new parameter returned.
__device__ __forceinline__ float update(const Scalars& s, float clip, float parameter, float gradient,
                                        float& first_moment, float& second_moment) {
  const float g = gradient * clip;
  const float m = fmaf(s.beta1, first_moment, s.one_minus_beta1 * g);
  const float v = fmaf(s.beta2, second_moment, s.one_minus_beta2 * g * g);
  const float denominator = fmaf(sqrtf(v), s.inverse_root_correction2, s.epsilon);
  first_moment = m;
  second_moment = v;
  return fmaf(-s.step_size, m / denominator, parameter * s.keep);
}

// A number rounded to bfloat16, in the parameter's dtype.
template <class Parameter>
__device__ __forceinline__ Parameter rounded(float x) {
  const bfloat16 narrow = from_float<bfloat16>(x);
  if constexpr (sizeof(Parameter) == 2) return narrow;
  else return to_float(narrow);
}

template <int Width, class Parameter>
__device__ __forceinline__ void store_rounded(Parameter* to, const Elements<float, Width>& master) {
  Elements<Parameter, Width> parameter;
#pragma unroll
  for (int c = 0; c < Width; ++c) parameter.values[c] = rounded<Parameter>(master.values[c]);
  store(to, parameter);
}

template <int Width, class Parameter, class Gradient, class State>
__device__ __forceinline__ void update_at(const Arguments<Parameter, Gradient, State>& a, float clip, int64_t i) {
  constexpr bool kStochastic = sizeof(State) == 2;
  const auto gradient = load_elements<Width>(static_cast<const Gradient*>(a.gradient + i));
  auto first = load_elements<Width>(static_cast<const State*>(a.first_moment + i)),
       second = load_elements<Width>(static_cast<const State*>(a.second_moment + i));
  if constexpr (kStochastic) {
    auto parameter = load_elements<Width>(static_cast<const Parameter*>(a.parameter + i));
#pragma unroll
    for (int c = 0; c < Width; ++c) {
      float m = to_float(first.values[c]), v = to_float(second.values[c]);
      const float p = update(a.scalars, clip, to_float(parameter.values[c]), to_float(gradient.values[c]), m, v);
      const RoundingBits random = rounding_bits(a.key, static_cast<uint64_t>(i + c));
      parameter.values[c] = __ushort_as_bfloat16(round_stochastically(__float_as_uint(p), random.parameter));
      first.values[c] = __ushort_as_bfloat16(round_stochastically(__float_as_uint(m), random.first_moment));
      second.values[c] = __ushort_as_bfloat16(round_stochastically(__float_as_uint(v), random.second_moment));
    }
    store(a.parameter + i, parameter);
  } else {
    float* weights = a.master;
    if constexpr (sizeof(Parameter) == 4) weights = a.master ? a.master : a.parameter;
    auto weight = load_elements<Width>(static_cast<const float*>(weights + i));
#pragma unroll
    for (int c = 0; c < Width; ++c)
      weight.values[c] =
          update(a.scalars, clip, weight.values[c], to_float(gradient.values[c]), first.values[c], second.values[c]);
    store(weights + i, weight);
    if (sizeof(Parameter) == 2 || a.master) store_rounded<Width>(a.parameter + i, weight);
  }
  store(a.first_moment + i, first);
  store(a.second_moment + i, second);
}

// A row that never had a gradient: its moments are zero, and so is its gradient.
template <int Width, class Parameter, class Gradient, class State>
__device__ __forceinline__ void decay_at(const Arguments<Parameter, Gradient, State>& a, int64_t i) {
  if constexpr (sizeof(State) == 2) {
    auto parameter = load_elements<Width>(static_cast<const Parameter*>(a.parameter + i));
#pragma unroll
    for (int c = 0; c < Width; ++c) {
      const uint32_t random = rounding_bits(a.key, static_cast<uint64_t>(i + c)).parameter;
      parameter.values[c] = __ushort_as_bfloat16(
          round_stochastically(__float_as_uint(to_float(parameter.values[c]) * a.scalars.keep), random));
    }
    store(a.parameter + i, parameter);
  } else {
    float* weights = a.master;
    if constexpr (sizeof(Parameter) == 4) weights = a.master ? a.master : a.parameter;
    auto weight = load_elements<Width>(static_cast<const float*>(weights + i));
#pragma unroll
    for (int c = 0; c < Width; ++c) weight.values[c] *= a.scalars.keep;
    store(weights + i, weight);
    if (sizeof(Parameter) == 2 || a.master) store_rounded<Width>(a.parameter + i, weight);
  }
}

// Calls each(width, i) over [begin, end) in whole vectors, then one by one.
template <int Width, class Each>
__device__ __forceinline__ void for_each_vector(int64_t begin, int64_t end, Each each) {
  const int64_t vectors_end = end - (end - begin) % Width;
  for (int64_t i = begin + threadIdx.x * Width; i < vectors_end; i += kThreads * Width)
    each(std::integral_constant<int, Width>(), i);
  if constexpr (Width > 1) {
    for (int64_t i = vectors_end + threadIdx.x; i < end; i += kThreads) each(std::integral_constant<int, 1>(), i);
  }
}

template <class Parameter, class Gradient, class State, int Width>
__global__ __launch_bounds__(kThreads, 4) void adamw_kernel(const Arguments<Parameter, Gradient, State> a) {
  auto& shared = shared_memory<RunShared>();
  if (threadIdx.x == 0) work_out(a.squares, a.max_grad_norm, a.row_seen, shared);
  __syncthreads();
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * a.run,
                end = begin + a.run < a.total ? begin + a.run : a.total;
  if (!shared.seen) {
    if (!shared.finite || a.scalars.keep == 1) return;
    for_each_vector<Width>(begin, end, [&](auto width, int64_t i) { decay_at<width.value>(a, i); });
    return;
  }
  for_each_vector<Width>(begin, end, [&](auto width, int64_t i) {
    if (shared.finite) update_at<width.value>(a, shared.clip, i);
    Elements<Gradient, width.value> zero;
#pragma unroll
    for (int c = 0; c < width.value; ++c) zero.values[c] = from_float<Gradient>(0.0f);
    store(a.gradient + i, zero);
  });
}

Scalars scalars_of(const AdamWUpdate& a) {
  const double correction1 = 1 - std::pow(a.beta1, static_cast<double>(a.step)),
               correction2 = 1 - std::pow(a.beta2, static_cast<double>(a.step));
  const auto single = [](double x) { return static_cast<float>(x); };
  return {.keep = single(1 - a.learning_rate * a.weight_decay),
          .beta1 = single(a.beta1),
          .one_minus_beta1 = single(1 - a.beta1),
          .beta2 = single(a.beta2),
          .one_minus_beta2 = single(1 - a.beta2),
          .step_size = single(a.learning_rate / correction1),
          .inverse_root_correction2 = single(1 / std::sqrt(correction2)),
          .epsilon = single(a.epsilon)};
}

template <class Parameter, class Gradient, class State>
void launch_update(const AdamWUpdate& a, Context& context) {
  constexpr int kWidth = kCommonWidth<Parameter, Gradient, State>;
  const int64_t columns = a.parameter.columns;
  const Arguments<Parameter, Gradient, State> arguments{.parameter = static_cast<Parameter*>(a.parameter.data),
                                                        .master = static_cast<float*>(a.master.data),
                                                        .gradient = static_cast<Gradient*>(a.gradient.data),
                                                        .first_moment = static_cast<State*>(a.first_moment.data),
                                                        .second_moment = static_cast<State*>(a.second_moment.data),
                                                        .row_seen = a.row_seen,
                                                        .total = a.parameter.rows * columns,
                                                        .run = a.row_seen ? columns : kRun,
                                                        .squares = a.squares,
                                                        .max_grad_norm = a.max_grad_norm,
                                                        .scalars = scalars_of(a),
                                                        .key = rounding_key(a.seed, a.step)};
  // Runs must begin at whole vectors; the last one may end anywhere.
  bool vectors = arguments.run % kWidth == 0;
  for (const Tensor& t : {a.parameter, a.master, a.gradient, a.first_moment, a.second_moment}) {
    vectors = vectors && reinterpret_cast<uintptr_t>(t.data) % (kWidth * size_of(t.dtype)) == 0;
  }
  const auto kernel =
      vectors ? adamw_kernel<Parameter, Gradient, State, kWidth> : adamw_kernel<Parameter, Gradient, State, 1>;
  launch("adamw_update", kernel, Grid{divide_up(arguments.total, arguments.run)}, kThreads, sizeof(RunShared),
         context.stream, arguments);
}

}  // namespace

void adamw_update(const AdamWUpdate& a, Context& context) {
  if (a.parameter.rows == 0 || a.parameter.columns == 0) return;
  const DType parameter = a.parameter.dtype, gradient = a.gradient.dtype, state = a.first_moment.dtype;
  const bool narrow_gradient = gradient == DType::bfloat16,
             known = gradient != DType::float16 && a.second_moment.dtype == state;
  const bool with_master = a.master && a.master.dtype == DType::float32;
  if (known && parameter == DType::float32 && state == DType::float32 && (with_master || !a.master) && !narrow_gradient)
    return launch_update<float, float, float>(a, context);
  if (known && parameter == DType::bfloat16 && state == DType::float32 && with_master) {
    return narrow_gradient ? launch_update<bfloat16, bfloat16, float>(a, context)
                           : launch_update<bfloat16, float, float>(a, context);
  }
  if (known && parameter == DType::bfloat16 && state == DType::bfloat16 && !a.master) {
    return narrow_gradient ? launch_update<bfloat16, bfloat16, bfloat16>(a, context)
                           : launch_update<bfloat16, float, bfloat16>(a, context);
  }
  fail(
      "The CUDA backend's AdamW takes float32 throughout (with or without a master), bfloat16 parameters with a "
      "float32 "
      "master and float32 moments, and bfloat16 parameters with bfloat16 moments; not ",
      name(parameter), " parameters ", a.master ? "with" : "without", " a master, a ", name(gradient), " gradient and ",
      name(state), " moments.");
}

}  // namespace cheems::cuda
