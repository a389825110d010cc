// What a CUDA operation may use besides its arguments: the stream, scratch memory, and the packed tree on the device.
//
// Everything is in the order of one stream: the workspace is free again when the next operation begins, and what a
// launcher stages is there before the kernel that it launches next.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <span>
#include <type_traits>

#include "batch/packed_tree.h"

namespace cheems::cuda {

class BatchMemory;   // batch_memory.h
class CublasLt;      // cublas_lt.h
class SlowProducts;  // slow_products.h

// A run of consecutive rows of one segment.
struct TreeTile {
  int32_t segment;
  int32_t begin,
      end;           // entries of the query list (query tiles; token rows without a list) or token rows (key tiles)
  int32_t last_row;  // the token row of entry end - 1
};

// Tiles in the device's memory, those with the most work first, so that the last blocks to start are short.
struct TileList {
  const TreeTile* tiles = nullptr;
  int32_t count = 0;
};

// The batch's tree on the device. Segments are in depth-first order: the descendants of segment s are the segments [s +
// 1, subtree_end[s]), and the token rows of s with all its descendants are [s.begin, subtree_row_end[s]). (Not so with
// a key/value cache, which has no backward pass.)
struct DeviceTree {
  const Segment* segments = nullptr;         // [num_segments]
  const int32_t* subtree_end = nullptr;      // [num_segments]
  const int32_t* subtree_row_end = nullptr;  // [num_segments]
  const int32_t* positions = nullptr;        // [num_rows]
  int32_t num_segments = 0;
  int32_t num_rows = 0;
  int32_t longest_path = 0;
};

struct Context {
  cudaStream_t stream = nullptr;
  char* workspace = nullptr;  // 256-byte aligned device memory
  int64_t workspace_bytes = 0;
  int multiprocessors = 1;
  int compute_capability = 80;      // 80, 86, 89, 90, 100, 120
  int64_t shared_memory_bytes = 0;  // the most dynamic shared memory that a block may request
  BatchMemory* batch = nullptr;
  CublasLt* cublas_lt = nullptr;
  int64_t cublas_lt_bytes = 0;  // the part of the workspace that a matrix product may use
  SlowProducts* slow_products = nullptr;

  // The device address of host numbers. Those of the tree begun with begin_batch (a whole vector or a part) are already
  // there; others are staged now, for the operation that is being launched. The host memory may be reused at once. Null
  // for an empty span.
  template <class T>
  const T* device(std::span<const T> host) {
    static_assert(std::is_trivially_copyable_v<T>);
    return static_cast<const T*>(device_address(host.data(), static_cast<int64_t>(host.size_bytes())));
  }

  // The tree that begin_batch was given; throws if `tree` is a different one.
  const DeviceTree& device_tree(const PackedTree& tree);
  // Tiles of at most `rows_per_tile` queries of one segment each, ordered by the keys that they see. `query_rows` as in
  // AttentionForward: empty means all rows. Built at the first call for a batch, then kept.
  TileList query_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile);
  // Tiles of at most `rows_per_tile` token rows of one segment each, ordered by the token rows that may see them.
  TileList key_tiles(const PackedTree& tree, int rows_per_tile);
  // Where the queries of each segment begin and end in `query_rows`: [2 * num_segments] (begin, end), for the keys'
  // gather over their descendants. With an empty list: the token rows themselves.
  const int32_t* segment_queries(const PackedTree& tree, std::span<const int32_t> query_rows);

 private:
  const void* device_address(const void* host, int64_t bytes);
};

}  // namespace cheems::cuda
