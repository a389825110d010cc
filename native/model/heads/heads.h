// Which head a model folder has.
#pragma once

#include "model/heads/head.h"

namespace cheems::model {

// Adds what published models keep in files beside their main weights: value_head.safetensors or .bin (LLaMA-Factory,
// TRL), heads.safetensors, or regression_layer.pt and gating_layer.pt (LDL).
void add_head_files(storage::Checkpoint& checkpoint);

// The folder's head, or nothing if it has none. Throws Error if there are two and none was chosen, if the chosen one is
// absent, and for a head whose shapes do not fit.
std::optional<HeadMatch> find_head(const HeadSource& source);

// The kinds, one file each: nothing if the tensors are not theirs.
std::vector<HeadMatch> linear_heads(const HeadSource& source);
std::optional<HeadMatch> relu_layers_head(const HeadSource& source);
std::optional<HeadMatch> process_head(const HeadSource& source);
std::optional<HeadMatch> gated_attributes_head(const HeadSource& source);
std::optional<HeadMatch> weighted_attributes_head(const HeadSource& source);
std::optional<HeadMatch> label_distribution_head(const HeadSource& source);
std::optional<HeadMatch> vocabulary_row_head(const HeadSource& source);
// The encoder's, the only one that it can have.
std::optional<HeadMatch> pooler_head(const HeadSource& source);

// With weights that do not exist yet: a linear head, or an encoder's pooler. `description` says where they come from.
HeadMatch new_head(const Architecture& architecture, const std::string& description);

}  // namespace cheems::model
