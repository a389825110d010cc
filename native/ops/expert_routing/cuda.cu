// The experts' routing on CUDA. Contract: ops/expert_routing/expert_routing.h.
//
//   choose_experts  one thread per token: k passes over its E logits, which stay in the L1 cache after the first pass;
//                   then the weights. Floor: 4*N*E bytes read, 8*N*k written.
//   sort_by_expert  one block per expert: it counts the choices of lower experts, which is where its own rows begin.
//                   Then it goes over all choices in order and gives its own the next places; a ballot ranks them
//                   within a warp. No atomics, so the order is the contract's. Reads 8*E*N*k bytes (for 8 experts and
//                   8192 tokens a megabyte, from the cache); writes 8*N*k.
#include <cmath>

#include "backends/cuda/device.cuh"
#include "backends/cuda/kernels.h"
#include "backends/cuda/vector_access.cuh"
#include "ops/expert_routing/expert_routing.h"

namespace cheems::cuda {
namespace {

constexpr int kChooseThreads = 128, kSortThreads = 256, kSortWarps = kSortThreads / kWarpThreads;

__device__ __forceinline__ float rank_of(float logit) { return logit != logit ? INFINITY : logit; }

// Whether expert a is chosen before b: the contract's order, in which no two are equal.
__device__ __forceinline__ bool before(float logit_a, int32_t a, float logit_b, int32_t b) {
  const float rank_a = rank_of(logit_a), rank_b = rank_of(logit_b);
  return rank_a > rank_b || (rank_a == rank_b && a < b);
}

__global__ void __launch_bounds__(kChooseThreads)
    choose_experts_kernel(float* weights, int64_t weights_stride, int32_t* experts, const float* logits,
                          int64_t logits_stride, int64_t rows, int32_t k, int32_t num_experts) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kChooseThreads + threadIdx.x;
  if (row >= rows) return;
  const float* mine = logits + row * logits_stride;
  float largest = 0, sum = 0, last_logit = 0;
  int32_t last = -1;
  for (int32_t c = 0; c < k; ++c) {
    // The first of those that come after the previous choice.
    int32_t best = -1;
    float best_logit = 0;
    for (int32_t e = 0; e < num_experts; ++e) {
      const float logit = mine[e];
      if (last >= 0 && !before(last_logit, last, logit, e)) continue;
      if (best < 0 || before(logit, e, best_logit, best)) best = e, best_logit = logit;
    }
    if (c == 0) largest = best_logit;
    const float weight = expf(best_logit - largest);
    sum += weight;
    experts[row * k + c] = best;
    weights[row * weights_stride + c] = weight;
    last = best, last_logit = best_logit;
  }
  for (int32_t c = 0; c < k; ++c) weights[row * weights_stride + c] /= sum;
}

struct SortShared {
  int32_t partials[kSortWarps];
};

__global__ void __launch_bounds__(kSortThreads)
    sort_by_expert_kernel(int32_t* rows, int32_t* places, int32_t* bounds, const int32_t* experts, int64_t choices,
                          int32_t k, int32_t num_experts) {
  auto& shared = shared_memory<SortShared>();
  const auto expert = static_cast<int32_t>(blockIdx.x);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpThreads, lane = thread % kWarpThreads;
  int32_t earlier = 0;
  for (int64_t i = thread; i < choices; i += kSortThreads) earlier += experts[i] < expert;
  int32_t begin = block_sum_of<kSortThreads>(earlier, shared.partials);
  if (thread == 0) {
    bounds[expert] = begin;
    if (expert == num_experts - 1) bounds[num_experts] = static_cast<int32_t>(choices);
  }
  for (int64_t first = 0; first < choices; first += kSortThreads) {
    const int64_t i = first + thread;
    const bool own = i < choices && experts[i] == expert;
    const uint32_t owners = __ballot_sync(kWholeWarp, own);
    if (lane == 0) shared.partials[warp] = __popc(owners);
    __syncthreads();
    int32_t place = begin + __popc(owners & ((1u << lane) - 1u));
#pragma unroll
    for (int w = 0; w < kSortWarps; ++w) {
      if (w < warp) place += shared.partials[w];
      begin += shared.partials[w];
    }
    __syncthreads();
    if (own) {
      rows[place] = static_cast<int32_t>(i / k);
      places[i] = place;
    }
  }
}

}  // namespace

void expert_routing(const ExpertRouting& a, Context& context) {
  require_dtype(a.weights, DType::float32, "expert_routing: weights");
  require_dtype(a.logits, DType::float32, "expert_routing: logits");
  const int64_t choices = a.weights.rows * a.weights.columns;
  const auto k = static_cast<int32_t>(a.weights.columns), num_experts = static_cast<int32_t>(a.logits.columns);
  launch("choose_experts", choose_experts_kernel, Grid{divide_up(a.weights.rows, kChooseThreads)}, kChooseThreads, 0,
         context.stream, static_cast<float*>(a.weights.data), a.weights.stride, a.experts,
         static_cast<const float*>(a.logits.data), a.logits.stride, a.weights.rows, k, num_experts);
  // Without rows the bounds are still written.
  launch("sort_by_expert", sort_by_expert_kernel, Grid{num_experts}, kSortThreads, sizeof(SortShared), context.stream,
         a.rows, a.places, a.bounds, a.experts, choices, k, num_experts);
}

}  // namespace cheems::cuda
