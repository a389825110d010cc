// Attention's forward kernel with the other shape for heads of 128: four warps of 32 queries and 32 keys at once, in
// place of eight warps of 16 and 64. Half the reads of shared memory per product, but more registers per thread: which
// of the two is faster only a GPU can say. gpu_kernels times both; no product has this one.
#define CHEEMS_FORWARD_128 ForwardShape<128, 4, 2, 32>
#define attention_forward attention_forward_of_other_shape
#include "ops/attention/cuda_forward.cu"
