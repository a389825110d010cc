// A network turns tokens into hidden states; a head (model/heads/) reads them. Decoders and encoders behind one
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

  // The hidden states that a head reads, after the final norm: [U, H] of the capacity's final_dtype. A decoder's are
  // those of tree.reward_rows, an encoder's those of each sample's first token. Valid until the next call. With a cache
  // (decoders alone), the tokens' keys and values are kept at tree.cache_rows and attention reads the cache.
  virtual Tensor forward_hidden(const PackedTree& tree, const Control& control,
                                const KeyValueCache* cache = nullptr) = 0;

  // Room for what a reward head makes of a tree's hidden states: [1, R] float32.
  virtual Tensor rewards(const PackedTree& tree) const = 0;

  // With a capacity for training. Where a head leaves the gradients of its rewards, [1, R], and of the hidden states,
  // [U, H]; float32 both.
  virtual Tensor d_rewards(const PackedTree& tree) const = 0;
  virtual Tensor d_hidden(const PackedTree& tree) const = 0;
  // After forward_hidden of the same tree and with d_hidden filled: adds the network's gradients to `gradients`. Those
  // that are absent are not computed, and nothing below the lowest that is there. Consumes the activations.
  virtual void backward(const PackedTree& tree, const ModelTensors& gradients, const Control& control) = 0;
};

}  // namespace cheems::model
