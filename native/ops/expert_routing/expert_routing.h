// The experts that each token goes to, with what weights, and the tokens of each expert one after another.
//
//   p_n = softmax(logits_n) over all experts;  the k largest are chosen;  w_nc = p_nc / (p_n1 + … + p_nk)
// This equals the softmax over the chosen experts alone, and is computed so. The chosen are the largest logits, in
// descending order; of equal ones the lower expert comes first. A NaN counts as larger than any number (and its token's
// weights are NaN). Sorted: the token rows of expert 0, ascending, then of expert 1, and so on. A token chooses an
// expert at most once, so no expert has more than N rows. Everything is a function of the logits alone, on every
// backend. Floor: 4*N*E bytes of logits, 16*N*k written; N*k exponentials. What follows, one matrix product per expert
// over its rows, needs the E + 1 bounds on the host: one download per layer, which on a device waits for all earlier
// work of its stream. That is the price of calling the library's products; a grouped product that reads the bounds on
// the device would avoid it. Source: Jiang et al. 2024, Mixtral of Experts (arXiv 2401.04088), section 2.1.
#pragma once

#include "core/tensor.h"

namespace cheems {

// The pointers are arrays in the backend's memory, all overwritten.
struct ExpertRouting {
  Tensor weights;      // [N, k] float32; k is at most E
  int32_t* experts;    // [N, k] the chosen
  int32_t* rows;       // [N * k] token rows, sorted by expert
  int32_t* places;     // [N, k] the index in `rows` of the token's entry for choice c
  int32_t* bounds;     // [E + 1] the rows of expert e are `rows` [bounds[e], bounds[e + 1])
  ConstTensor logits;  // [N, E] float32
};

}  // namespace cheems
