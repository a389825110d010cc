// Which experts each token goes to and with what weights, and the tokens of one expert after another.
//
//   p_n = softmax(logits_n) over all experts;  the k largest are chosen;  w_nc = p_nc / (p_n1 + … + p_nk)
// which is the softmax over the chosen alone, and is computed as such. Chosen are the largest logits, the largest
// first, the lower expert of equal ones; a NaN is larger than any number (and its token's weights are NaN). Sorted: the
// token rows of expert 0, ascending, then of expert 1, and so on. A token is at most once with an expert, so that no
// expert has more than N rows. Everything is a function of the logits alone, whoever computes it. Floor: 4*N*E bytes of
// logits, 16*N*k written; N*k exponentials. What follows, a matrix product an expert over its rows, needs the E + 1
// bounds on the host: one download a layer, which on a device waits for all that was put on its stream before. That is
// the price of calling the library's products; a grouped product that reads the bounds on the device would save it.
// Source: Jiang et al. 2024, Mixtral of Experts (arXiv 2401.04088), section 2.1.
#pragma once

#include "core/tensor.h"

namespace cheems {

// The pointers are arrays in the backend's memory, all overwritten.
struct ExpertRouting {
  Tensor weights;      // [N, k] float32; k is at most E
  int32_t* experts;    // [N, k] the chosen
  int32_t* rows;       // [N * k] token rows, sorted by expert
  int32_t* places;     // [N, k] where in `rows` the token stands for its choice c
  int32_t* bounds;     // [E + 1] the rows of expert e are `rows` [bounds[e], bounds[e + 1])
  ConstTensor logits;  // [N, E] float32
};

}  // namespace cheems
