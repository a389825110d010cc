// The parameters of a decoder, and the only description of them.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "model/architecture.h"
#include "model/parameters/visitor.h"

namespace cheems::storage {
class Checkpoint;
}

namespace cheems::model {

// One of a layer's several experts. Gate (w1) and up (w3) as gate and up below.
struct ExpertTensors {
  Tensor gate_up;  // [2 I, H]
  std::vector<Tensor> gate_up_parts;
  Tensor down;  // [H, I]
};

// The views that a layer computes with. Query, key and value projections are contiguous, so that they are also one
// matrix; so are gate and up. In a mapped file they may be separate: then the matrix is empty, and only its parts are
// present. Absent tensors are empty: those that the architecture lacks and, among gradients, those that are not
// trained.
struct LayerTensors {
  Tensor input_norm;                              // [1, H]
  Tensor qkv, qkv_bias;                           // [Q + 2 KV, H], [1, Q + 2 KV]
  std::vector<Tensor> qkv_parts;                  // [Q, H], [KV, H], [KV, H]
  Tensor q_norm, k_norm;                          // [1, head_size]
  Tensor output, output_bias;                     // [H, Q], [1, H]
  Tensor mlp_norm;                                // [1, H]: before the MLP
  Tensor attention_branch_norm, mlp_branch_norm;  // [1, H]: at the ends of the branches (branch_norms)
  Tensor gate_up, gate_up_bias;                   // [2 I, H], [1, 2 I]; absent with experts
  std::vector<Tensor> gate_up_parts;              // [I, H], [I, H]
  Tensor down, down_bias;                         // [H, I], [1, H]
  Tensor router;                                  // [E, H]; absent without experts
  std::vector<ExpertTensors> experts;

  // Of gradients: whether any of the attention's, or of the MLP's, is present.
  bool any_of_attention() const;
  bool any_of_mlp() const;
};

// A layer of a reward head of several layers, float32.
struct HeadLayerTensors {
  Tensor weight, bias;  // [out, in]; [1, out], or absent
};

struct ModelTensors {
  Tensor embedding;  // [V, H]
  std::vector<LayerTensors> layers;
  Tensor final_norm;                           // [1, H]
  Tensor head;                                 // [1, H]; only for a linear head (ModelEnd::reward_head)
  std::vector<HeadLayerTensors> head_layers;   // of a head of several layers
  Tensor vocabulary;                           // [V, H]; only for ModelEnd::vocabulary
  const storage::Checkpoint* files = nullptr;  // whose mapped files hold some matrices; null if none

  // Of gradients: whether any of the network's is present, or only the head's.
  bool any_of_network() const;
};

// Names each parameter once, in the order of saved files.
ModelTensors visit_decoder(const Architecture& architecture, const ModelEnd& end, ParameterVisitor& visitor);

}  // namespace cheems::model
