// All memory that a run will allocate, listed before it is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/description.h"

namespace cheems {

struct MemoryPlanEntry {
  std::string name;  // "activations", "optimizer state", …
  std::string kind;  // weights | gradients | optimizer | activations | workspace
  int64_t bytes = 0;
};

template <class Visitor>
void describe(Visitor& visit, MemoryPlanEntry& entry) {
  visit("name", entry.name, "");
  visit("kind", entry.kind, "", {.one_of = "weights | gradients | optimizer | activations | workspace"});
  visit("bytes", entry.bytes, "");
}

struct MemoryPlan {
  std::vector<MemoryPlanEntry> entries;
  void add(std::string name, std::string kind, int64_t bytes) {
    entries.push_back({std::move(name), std::move(kind), bytes});
  }
  int64_t total() const {
    int64_t sum = 0;
    for (const auto& entry : entries) sum += entry.bytes;
    return sum;
  }
};

}  // namespace cheems
