// The parameters of a decoder, and the one description of them.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "model/architecture.h"
#include "model/parameters/visitor.h"

namespace cheems::storage {
class Checkpoint;
}

namespace cheems::model {

// One expert of a layer with several. Gate (w1) and up (w3) as gate and up below.
struct ExpertTensors {
  Tensor gate_up;  // [2 I, H]
  std::vector<Tensor> gate_up_parts;
  Tensor down;  // [H, I]
};

// The views that a layer computes with. Query, key and value projections lie one after another, so that they are
// one matrix too; so do gate and up. Where they lie in a mapped file they may lie apart: then the matrix is empty, and
// there are its parts alone. Absent tensors are empty: what the architecture lacks and, of gradients, what is not
// trained.
struct LayerTensors {
  Tensor input_norm;                              // [1, H]
  Tensor qkv, qkv_bias;                           // [Q + 2 KV, H], [1, Q + 2 KV]
  std::vector<Tensor> qkv_parts;                  // [Q, H], [KV, H], [KV, H]
  Tensor q_norm, k_norm;                          // [1, head_size]
  Tensor output, output_bias;                     // [H, Q], [1, H]
  Tensor mlp_norm;                                // [1, H]: before the MLP
  Tensor attention_branch_norm, mlp_branch_norm;  // [1, H]: at the ends of the branches (branch_norms)
  Tensor gate_up, gate_up_bias;                   // [2 I, H], [1, 2 I]; absent where there are experts
  std::vector<Tensor> gate_up_parts;              // [I, H], [I, H]
  Tensor down, down_bias;                         // [H, I], [1, H]
  Tensor router;                                  // [E, H]; absent without experts
  std::vector<ExpertTensors> experts;

  // Of gradients: whether any of the attention's, or of the MLP's, is there.
  bool any_of_attention() const;
  bool any_of_mlp() const;
};

// Of a reward head of several layers, float32.
struct HeadLayerTensors {
  Tensor weight, bias;  // [out, in]; [1, out], or absent
};

struct ModelTensors {
  Tensor embedding;  // [V, H]
  std::vector<LayerTensors> layers;
  Tensor final_norm;                           // [1, H]
  Tensor head;                                 // [1, H]; absent but for a linear head (ModelEnd::reward_head)
  std::vector<HeadLayerTensors> head_layers;   // of a head of several layers
  Tensor vocabulary;                           // [V, H]; absent but for ModelEnd::vocabulary
  const storage::Checkpoint* files = nullptr;  // in whose mapped files some matrices lie; null where none does

  // Of gradients: whether any of the network's is there, or the head's alone.
  bool any_of_network() const;
};

// Names each parameter once, in the order of the files that are saved.
ModelTensors visit_decoder(const Architecture& architecture, const ModelEnd& end, ParameterVisitor& visitor);

}  // namespace cheems::model
