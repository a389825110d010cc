// Which head a model folder has.
#pragma once

#include "model/heads/head.h"

namespace cheems::model {

// Adds what published models keep in files beside their main weights: value_head.safetensors or .bin (LLaMA-Factory,
// TRL), heads.safetensors, or regression_layer.pt and gating_layer.pt (LDL).
void add_head_files(storage::Checkpoint& checkpoint);

// The folder's head, or nothing where it has none. Throws Error where two are there and none was chosen, where the
// chosen one is not there, and for a head whose shapes do not fit.
std::optional<HeadMatch> find_head(const HeadSource& source);

// The kinds, one file each: nothing where the tensors are not theirs.
std::vector<HeadMatch> linear_heads(const HeadSource& source);
std::optional<HeadMatch> relu_layers_head(const HeadSource& source);
std::optional<HeadMatch> process_head(const HeadSource& source);
std::optional<HeadMatch> gated_attributes_head(const HeadSource& source);
std::optional<HeadMatch> weighted_attributes_head(const HeadSource& source);
std::optional<HeadMatch> label_distribution_head(const HeadSource& source);
std::optional<HeadMatch> vocabulary_row_head(const HeadSource& source);
// An encoder's, which is the only one that it can have.
std::optional<HeadMatch> pooler_head(const HeadSource& source);

// Of numbers that nobody has yet: a linear head, or an encoder's pooler. `description` tells where they come from.
HeadMatch new_head(const Architecture& architecture, const std::string& description);

}  // namespace cheems::model
