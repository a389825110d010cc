// The kinds of networks, and what the rest of the engine must know about each. No other code asks which kind a model
// has.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "backends/backend.h"
#include "core/memory_plan.h"
#include "model/architecture.h"
#include "model/networks/network.h"
#include "model/parameters/visitor.h"
#include "ops/workspace.h"

namespace cheems::model {

class Parameters;

struct Body {
  const char* name;                       // "decoder", "encoder"
  const char* sample_form;                // "conversation", or "pair" of a question and its answer
  bool any_length;                        // whether samples may be longer than max_position_embeddings
  bool shares_prompts;                    // whether samples of one prompt can share its computation
  bool has_backward;                      // whether it can be trained
  bool has_cache;                         // whether it can generate
  bool maps_weights;                      // whether matrices may stay in their mapped files, not contiguous
  bool pooled;                            // whether the reward head is a pooler of its own
  int64_t least_path;                     // memory is allocated for samples of at least this many tokens
  std::string prefix;                     // what precedes all of its names in files, and its
  std::string embedding;                  // embedding table's name after that; empty: see families/
  std::set<std::string> unused;           // tensors that files contain and that nothing reads
  std::set<std::string> unused_prefixes;  // the same, by prefixes of their names

  // Names each parameter once (model/parameters/).
  void (*describe)(const Architecture& architecture, const ModelEnd& end, ParameterVisitor& visitor);
  // Allocates all memory that any batch within `capacity` will need. The weights must outlive the network.
  std::unique_ptr<Network> (*make)(const Architecture& architecture, const Parameters& weights, Backend& backend,
                                   const ActivationCapacity& capacity);
  void (*plan)(const Architecture& architecture, const ActivationCapacity& capacity,
               const WorkspaceBytes& workspace_bytes, MemoryPlan& plan);
};

const Body& decoder_body();
const Body& encoder_body();
const Body& body_of(const Architecture& architecture);

}  // namespace cheems::model
