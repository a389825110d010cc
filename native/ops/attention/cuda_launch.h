// How the CUDA attention's files meet: the tensor-core kernels (cuda_forward.cu, cuda_backward.cu) and those that take
// every dtype, head size and alignment (cuda_generic.cu). Host code only.
#pragma once

#include "ops/attention/attention.h"

namespace cheems::cuda {

struct Context;

namespace attention {

template <class T>
struct Problem;  // cuda_common.cuh

// Throws if the CUDA backend has no kernels for the shapes or dtypes.
void check_problem(const AttentionForward& a);
void check_problem(const AttentionBackward& a);
// Whether the tensor core kernels can take it: bfloat16, rows of whole aligned 16-byte chunks, head sizes in steps of
// 8.
bool fits_tensor_cores(const AttentionForward& a);
bool fits_tensor_cores(const AttentionBackward& a);

// The kernels' view of an operation, without the tiles; copies the tree to the device if that has not happened yet.
template <class T>
Problem<T> problem_of(const AttentionForward& a, Context& context);
template <class T>
Problem<T> problem_of(const AttentionBackward& a, Context& context);

// The generic kernels, T = float or bfloat16.
template <class T>
void launch_generic_forward(const Problem<T>& p, const AttentionForward& a, Context& context);
template <class T>
void launch_generic_backward(const Problem<T>& p, const AttentionBackward& a, Context& context);

}  // namespace attention
}  // namespace cheems::cuda
