#include "testing/cuda_on_cpu/operation_traffic.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <string_view>

#include "backends/cuda/cuda_backend.h"
#include "core/random.h"
#include "testing/cuda_on_cpu/traffic.h"

extern "C" const char __executable_start;  // defined by the linker: kernels are identified by their offset from it,
                                           // which nm maps to names

namespace cheems::traffic {

using nlohmann::json;

namespace {

// `prompts` prompts with `responses` responses each.
PackedTree tree_of(int prompts, int prompt_tokens, int responses, int response_tokens) {
  RandomStream random(1, 0);
  std::vector<int32_t> tokens, offsets{0}, groups, chosen;
  // One token in three is the same, like the most frequent token of a text; the rest are spread over a vocabulary of
  // 2000.
  const auto token = [&] { return static_cast<int32_t>(random.next() % 3 == 0 ? 5 : random.next() % 2000); };
  for (int p = 0; p < prompts; ++p) {
    std::vector<int32_t> prompt(static_cast<size_t>(prompt_tokens));
    for (int32_t& id : prompt) id = token();
    for (int r = 0; r < responses; ++r) {
      tokens.insert(tokens.end(), prompt.begin(), prompt.end());
      tokens.push_back(r);  // responses differ in their first token
      for (int i = 1; i < response_tokens; ++i) tokens.push_back(token());
      offsets.push_back(static_cast<int32_t>(tokens.size()));
      chosen.push_back(static_cast<int32_t>(groups.size()));
      groups.push_back(p);
    }
  }
  return pack_tree({tokens, offsets, groups}, chosen, true);
}

std::vector<void (*)(Report&, const Trees&)>& registered() {
  static std::vector<void (*)(Report&, const Trees&)> counts;
  return counts;
}

size_t place_in_list(const std::string& operation) {
  size_t place = 0;
#define CHEEMS_PLACE(name, ...)         \
  if (operation == #name) return place; \
  ++place;
  CHEEMS_OPERATIONS(CHEEMS_PLACE)
#undef CHEEMS_PLACE
  return place;
}

}  // namespace

Trees make_trees() {
  return {.tall = tree_of(4, 256, 2, 256), .lone = tree_of(1, 256, 2, 256), .wide = tree_of(8, 8, 8, 16)};
}

Device::Device() : backend_(create_cuda_backend(0)) {}

void Report::measure(const std::string& operation, const std::string& form, const std::string& sizes, Floor floor,
                     const std::function<std::function<void()>()>& prepare) {
  if (operation.find(word_) == std::string::npos) return;
  std::cerr << operation << ", " << form << ", " << sizes << "\n";
  const std::function<void()> run = prepare();
  json kernels = json::array();
  {
    const cuda_on_cpu::TrafficScope scope;
    run();
    device.finish();
    for (const auto& [name, t] : scope.all()) {
      kernels.push_back({{"name", name},
                         {"offset", static_cast<const char*>(t.kernel) - &__executable_start},
                         {"launches", t.launches},
                         {"blocks", t.blocks},
                         {"threads", t.threads},
                         {"dynamic_shared_bytes", t.shared_bytes},
                         {"load_bytes", t.global_load_bytes},
                         {"store_bytes", t.global_store_bytes},
                         {"sector_bytes", t.sector_bytes()},
                         {"bank_conflicts", t.bank_conflicts},
                         {"shared_wavefronts", t.shared_wavefronts},
                         {"mma_flops", t.mma_flops()}});
    }
  }
  device.clear();
  operations_.push_back({{"operation", operation},
                         {"form", form},
                         {"sizes", sizes},
                         {"floor_bytes", floor.bytes},
                         {"floor_flops", floor.flops},
                         {"kernels", kernels}});
}

json Report::result() const {
  std::vector<json> sorted = operations_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const json& a, const json& b) {
    return place_in_list(a["operation"]) < place_in_list(b["operation"]);
  });
  return {{"operations", sorted}};
}

Registered::Registered(void (*count)(Report&, const Trees&)) { registered().push_back(count); }

void count_all(Report& report) {
  const Trees trees = make_trees();
  for (const auto count : registered()) count(report, trees);
}

}  // namespace cheems::traffic
