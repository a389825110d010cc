// Launchers of the kernels that test the execution model itself. Each kernel keeps CUDA's rules, or breaks one if its
// bug argument says so. Kernels are in *_test_kernels.cu; addresses point to device memory.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace cheems::cuda_on_cpu {

// --- execution_test_kernels.cu

// out[block * threads + thread] = 1000 * block + thread, computed from all the built-in variables.
void launch_coordinates(int* out, int blocks_x, int blocks_y, int threads);
// Per lane of one warp: the results of shuffles and votes on the values `in`; 8 x 32 entries (see the kernel).
void launch_warp_functions(const int* in, int* out);
// Two halves of a warp shuffle among themselves, each a different number of times.
void launch_half_warps(const int* in, int* out);
// c[16][8] += a[16][16] * b[16][8], row-major. `how` builds the fragments:
// from global memory; by cp.async, ldmatrix_x4 (a) and ldmatrix_x2_transposed (b); the same with two ldmatrix_x2 for a;
// the same with ldmatrix_x4_transposed from an `a` that is given transposed.
enum class Fragments { direct, ldmatrix, ldmatrix_x2, transposed_a };
void launch_matrix_product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, Fragments how);
// The sum of in[0..n) by one block of 128 threads, in shared memory: a tree with barriers.
void launch_tree_sum(const float* in, float* out, int n);
// Counts into 16 bins with atomics in shared memory, then adds to out with atomics.
void launch_histogram(const int* in, int n, unsigned* out, int blocks);

// out[thread] = how many threads reached a counter before it; one block.
void launch_order_of_arrival(unsigned* counter, unsigned* out, int threads);
// The same for blocks of one thread.
void launch_order_of_blocks(unsigned* counter, unsigned* out, int blocks_x, int blocks_y);

// --- checks_test_kernels.cu. Each has a correct version and one with a bug.

void launch_missing_barrier(float* out, bool bug);       // a neighbor's value is read, in another warp
void launch_missing_warp_barrier(float* out, bool bug);  // ... in the same warp
void launch_partial_warp_barrier(float* out, bool bug);  // __syncwarp of half a warp; the other half reads
void launch_write_after_read(float* out, bool bug);      // a buffer is overwritten while others may still read
void launch_write_after_write(float* out, bool bug);
void launch_write_halves(float* out, bool bug);  // one half of four bytes is written twice
void launch_read_halves(float* out, bool bug);   // ... or written while another warp reads it
void launch_shuffle_orders_nothing(float* out, bool bug);
void launch_uninitialized_shared(float* out, bool bug);  // one value of a padded tile is never written
void launch_uninitialized_byte(unsigned char* out, bool bug);
void launch_shared_out_of_range(float* out, bool bug);
void launch_global_out_of_range(float* out, int n, bool bug);
void launch_read(const float* in, float* out);            // one value, by one thread
void launch_read_vector(const float* in, float* out);     // one vector of four
void launch_write_shared_vector(float* out, int offset);  // a vector of four at this float of shared memory
void launch_divergent_barrier(float* out, bool bug);      // half of the block skips a barrier and shuffles
void launch_early_return(float* out, bool bug);           // some threads return before a barrier
void launch_two_barriers(float* out, bool bug);           // the two sides of a branch each have their own
void launch_wrong_mask(float* out, bool bug);             // a lane that its mask leaves out
void launch_unmatched_mask(float* out, bool bug);         // lanes that name different masks
void launch_different_functions(float* out, bool bug);
void launch_shuffle_from_outside(float* out, bool bug);
enum class AsyncBug { none, no_wait, no_barrier, too_few_waited, touched, overwritten, never_waited, misaligned };
void launch_async_copy(const float* in, float* out, AsyncBug bug);
enum class BlockBug { none, write_write, write_read, read_write, plain_beside_atomic };
void launch_blocks(unsigned* data, unsigned* out, BlockBug bug);
void launch_last_block_sums(const float* in, float* partials, unsigned* ticket, float* out, bool bug);  // bug: no fence
void launch_host_memory(float* out, bool bug);  // a variable of the host is written
void launch_throw(float* out);
void launch_bound(float* out, int threads);  // __launch_bounds__(96)
void launch_bound_by_template(float* out, int threads,
                              bool many);  // the same of a template: 64 threads, or 160 with two blocks
void launch_bound_too_high(float* out);    // more blocks than a multiprocessor holds
void launch_unbound(float* out, int threads);

// --- traffic_test_kernels.cu

void launch_copy(const float* in, float* out, int n, int stride);  // out[i] = in[i * stride], blocks of 256
void launch_copy_vectors(const float* in, float* out, int n);
void launch_shared_stride(float* out, int stride);  // one warp stores and loads shared[lane * stride]
void launch_shared_vectors(float* out, int pitch);  // one warp stores rows of four floats, pitch apart
void launch_tile_product(const __nv_bfloat16* a, float* out, int pitch,
                         int products);  // cp.async, barrier, ldmatrix_x4, mma

}  // namespace cheems::cuda_on_cpu
