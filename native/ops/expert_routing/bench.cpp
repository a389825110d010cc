#include "ops/expert_routing/expert_routing.h"
#include "testing/operation_bench.h"

namespace cheems::bench {
namespace {

// Mixtral's 8 experts, of which each token goes to 2.
void expert_routing_bench(Bench& bench, const Case& c) {
  constexpr int64_t kExperts = 8, kChosen = 2;
  const int64_t n = c.rows();
  const auto integers = [&](int64_t count) { return static_cast<int32_t*>(bench.zeros(4 * count)); };
  const ExpertRouting routing{.weights = bench.tensor(n, kChosen, DType::float32),
                              .experts = integers(n * kChosen),
                              .rows = integers(n * kChosen),
                              .places = integers(n * kChosen),
                              .bounds = integers(kExperts + 1),
                              .logits = bench.tensor(n, kExperts, DType::float32)};
  const auto bytes = static_cast<double>(4 * n * kExperts + 16 * n * kChosen);
  bench.add("expert_routing", shape_of({n, kExperts}) + ", 2 chosen", bytes, 0,
            [&] { bench.ops().expert_routing(routing); });
  bench.release();
}

const Registered expert_routing_registered(expert_routing_bench);

}  // namespace
}  // namespace cheems::bench
