#include "ops/expert_routing/expert_routing.h"
#include "testing/cuda_on_cpu/operation_traffic.h"

namespace cheems::traffic {
namespace {

// Mixtral's 8 experts, of which each token goes to 2.
void expert_routing_traffic(Report& report, const Trees& trees) {
  constexpr int64_t kExperts = 8, kChosen = 2;
  const int64_t n = trees.tall.rows();
  const auto bytes = static_cast<double>(4 * n * kExperts + 16 * n * kChosen);
  Device& d = report.device;
  report.measure("expert_routing", "float32", size_text(n, kExperts) + ", 2 chosen", {bytes, 0}, [&] {
    Operations& ops = d.operations(trees.tall, {.widest_row = kSmall.hidden});
    const auto integers = [&](int64_t count) { return static_cast<int32_t*>(d.raw(4 * count)); };
    const ExpertRouting a{.weights = d.matrix(kFloat, n, kChosen),
                          .experts = integers(n * kChosen),
                          .rows = integers(n * kChosen),
                          .places = integers(n * kChosen),
                          .bounds = integers(kExperts + 1),
                          .logits = d.matrix(kFloat, n, kExperts)};
    return [&ops, a] { ops.expert_routing(a); };
  });
}

const Registered expert_routing_registered(expert_routing_traffic);

}  // namespace
}  // namespace cheems::traffic
