// The packed tree on the device, and small lists derived from it: copied once per micro-batch, through pinned memory,
// in stream order.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cuda/context.h"
#include "backends/cuda/staging.h"

namespace cheems::cuda {

class BatchMemory {
 public:
  explicit BatchMemory(cudaStream_t stream);
  ~BatchMemory();
  BatchMemory(const BatchMemory&) = delete;
  BatchMemory& operator=(const BatchMemory&) = delete;

  // Copies the tree to the device and forgets the previous batch. `tree` must stay alive and unchanged until the next
  // call. Device memory is allocated only here, and only if the tree is larger than all before (a few hundred bytes per
  // token).
  void begin(const PackedTree& tree);

  // Like Context's functions of these names.
  const void* device_address(const void* host, int64_t bytes);
  const DeviceTree& device_tree(const PackedTree& tree) const;
  TileList query_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile);
  TileList key_tiles(const PackedTree& tree, int rows_per_tile);
  const int32_t* segment_queries(const PackedTree& tree, std::span<const int32_t> query_rows);

 private:
  // A piece of host memory whose copy is on the device. Its contents are kept in `image_`, because host memory may have
  // been freed and reused since: the copy is reused only if the bytes are equal.
  struct Piece {
    const char* host;
    int64_t bytes, offset;  // of the copy in the region, and in image_
  };
  // A list built from the tree, kept for the layers after the first.
  struct BuiltList {
    enum class Kind { query_tiles, key_tiles, segment_queries } kind;
    int rows_per_tile;
    const int32_t* query_rows;
    size_t num_queries;
    const void* address;
    int32_t count;
  };

  template <class T>
  const T* add(const std::vector<T>& numbers);
  void lay_out(const PackedTree& tree);
  const void* stage(const void* host, int64_t bytes);
  const BuiltList& built(BuiltList::Kind kind, std::span<const int32_t> query_rows, int rows_per_tile);
  void require(const PackedTree& tree) const;

  cudaStream_t stream_;
  StagingRing ring_;
  char* region_ = nullptr;  // the tree, then the lists built from it
  int64_t region_bytes_ = 0, used_ = 0;
  char* staged_ = nullptr;  // a ring buffer for spans outside the tree
  int64_t staged_bytes_ = 0, staged_used_ = 0;

  const PackedTree* tree_ = nullptr;
  DeviceTree device_tree_;
  std::vector<char> image_;  // the region's tree part, as on the device
  std::vector<Piece> pieces_;
  std::vector<BuiltList> lists_;
  BuiltList unkept_{};  // the last list that did not fit into the region
  std::vector<int32_t> subtree_end_, subtree_row_end_;
};

}  // namespace cheems::cuda
