// A network turns tokens into hidden states; a head (model/heads/) reads them. Decoders and encoders have the same
// interface.
#pragma once

#include "batch/packed_tree.h"
#include "core/control.h"
#include "core/tensor.h"
#include "model/activations.h"
#include "model/parameters/decoder_parameters.h"

namespace cheems::model {

class KeyValueCache;

class Network {
 public:
  virtual ~Network() = default;
  virtual const ActivationCapacity& capacity() const = 0;

  // The hidden states that a head reads, after the final norm: [U, H] of the capacity's final_dtype. A decoder returns
  // those of tree.reward_rows, an encoder those of each sample's first token. Valid until the next call. With a cache
  // (only decoders), the tokens' keys and values are stored at tree.cache_rows and attention reads the cache.
  virtual Tensor forward_hidden(const PackedTree& tree, const Control& control,
                                const KeyValueCache* cache = nullptr) = 0;

  // Where a reward head writes a tree's rewards: [1, R] float32.
  virtual Tensor rewards(const PackedTree& tree) const = 0;

  // Only with a capacity for training. Where a head writes the gradients of its rewards, [1, R], and of the hidden
  // states, [U, H]; both float32.
  virtual Tensor d_rewards(const PackedTree& tree) const = 0;
  virtual Tensor d_hidden(const PackedTree& tree) const = 0;
  // After forward_hidden of the same tree, with d_hidden filled: adds the network's gradients to `gradients`. Absent
  // gradients are not computed, nor anything below the lowest one that is present. Overwrites the activations.
  virtual void backward(const PackedTree& tree, const ModelTensors& gradients, const Control& control) = 0;
};

}  // namespace cheems::model
