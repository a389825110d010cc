// The packed tree on the device, and small lists beside it: copied once a micro-batch, through pinned memory, in the
// order of the stream.
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

  // Copies the tree to the device and forgets the batch before. `tree` must live and stay as it is until the next call.
  // Device memory is taken here where a tree is larger than all before (a few hundred bytes a token), else nowhere.
  void begin(const PackedTree& tree);

  // As Context's functions of these names say.
  const void* device_address(const void* host, int64_t bytes);
  const DeviceTree& device_tree(const PackedTree& tree) const;
  TileList query_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile);
  TileList key_tiles(const PackedTree& tree, int rows_per_tile);
  const int32_t* segment_queries(const PackedTree& tree, std::span<const int32_t> query_rows);

 private:
  // A piece of host memory whose copy is on the device. What it held is kept in `image_`, for host memory may have been
  // freed and used again since: only equal bytes are taken for the same numbers.
  struct Piece {
    const char* host;
    int64_t bytes, offset;  // of the copy in the region, and in image_
  };
  // A list built from the tree, so that every layer after the first finds it.
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
  char* staged_ = nullptr;  // spans outside the tree, one behind the other, and round again
  int64_t staged_bytes_ = 0, staged_used_ = 0;

  const PackedTree* tree_ = nullptr;
  DeviceTree device_tree_;
  std::vector<char> image_;  // the region's tree part, as on the device
  std::vector<Piece> pieces_;
  std::vector<BuiltList> lists_;
  BuiltList unkept_{};  // the last list that found no room in the region
  std::vector<int32_t> subtree_end_, subtree_row_end_;
};

}  // namespace cheems::cuda
