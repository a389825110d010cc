// The parameters of an encoder (DeBERTa v3) with its reward head, as views of a ParameterLayout's block.
#pragma once

#include <vector>

#include "model/parameters/layout.h"

namespace cheems::model {

// The weight and bias of a layer norm or a linear layer.
struct WeightAndBias {
  Tensor weight, bias;
};

struct EncoderLayerTensors {
  WeightAndBias qkv;     // [3 H, H], [1, 3 H]: query, key and value projections
  WeightAndBias output;  // [H, H], [1, H]
  WeightAndBias attention_norm;
  WeightAndBias up;    // [I, H], [1, I]
  WeightAndBias down;  // [H, I], [1, H]
  WeightAndBias mlp_norm;
};

struct EncoderTensors {
  Tensor embedding;  // [V, H]
  WeightAndBias embedding_norm;
  Tensor relative_embedding;  // [2 S, H]
  WeightAndBias relative_norm;
  std::vector<EncoderLayerTensors> layers;
  WeightAndBias pooler;      // [H, H], [1, H], float32
  WeightAndBias classifier;  // [1, H], [1, 1], float32
};

// Names each parameter once, in the order of saved files.
EncoderTensors visit_encoder(const Architecture& architecture, const ModelEnd& end, ParameterVisitor& visitor);

// `layout` is of an encoder's architecture with its reward head.
EncoderTensors encoder_tensors(const ParameterLayout& layout, const Architecture& architecture, void* base);

}  // namespace cheems::model
