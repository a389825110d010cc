#include "backends/cuda/batch_memory.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/errors.h"
#include "core/error.h"

namespace cheems::cuda {
namespace {

constexpr int64_t kAlignment = 256;  // that of cudaMalloc
constexpr int kSlots = 32;           // copies of several micro-batches may wait while the host runs ahead
constexpr int64_t kSlotBytes = 256 << 10;
constexpr int64_t kLeastBytes = 1 << 20;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Allocates at least `bytes` of device memory in place of the old memory, whose contents are lost.
void grow(char*& memory, int64_t& capacity, int64_t bytes) {
  if (bytes <= capacity) return;
  if (memory) check(cudaFree(memory), "cudaFree");  // waits for the work that may still read it
  memory = nullptr;
  capacity = 0;
  void* fresh = nullptr;
  const int64_t wanted = std::max(kLeastBytes, aligned(bytes + bytes / 2));
  const cudaError_t error = cudaMalloc(&fresh, static_cast<size_t>(wanted));
  if (error == cudaErrorMemoryAllocation)
    fail_out_of_memory(mebibytes_for(wanted, "a micro-batch's token ids and tree"));
  check(error, sentence("cudaMalloc (", wanted >> 10, " KiB for a micro-batch's token ids and tree)"));
  memory = static_cast<char*>(fresh);
  capacity = wanted;
}

}  // namespace

BatchMemory::BatchMemory(cudaStream_t stream) : stream_(stream), ring_(stream, kSlots, kSlotBytes) {
  grow(region_, region_bytes_, kLeastBytes);
  grow(staged_, staged_bytes_, kLeastBytes);
}

BatchMemory::~BatchMemory() {
  (void)cudaStreamSynchronize(stream_);
  if (region_) (void)cudaFree(region_);
  if (staged_) (void)cudaFree(staged_);
}

template <class T>
const T* BatchMemory::add(const std::vector<T>& numbers) {
  const int64_t bytes = static_cast<int64_t>(numbers.size() * sizeof(T)), offset = used_;
  used_ += aligned(bytes);
  image_.resize(static_cast<size_t>(used_));
  if (bytes > 0) std::memcpy(image_.data() + offset, numbers.data(), static_cast<size_t>(bytes));
  pieces_.push_back({reinterpret_cast<const char*>(numbers.data()), bytes, offset});
  return reinterpret_cast<const T*>(region_ + offset);
}

void BatchMemory::lay_out(const PackedTree& tree) {
  used_ = 0;
  image_.clear();
  pieces_.clear();
  device_tree_ = {.segments = add(tree.segments),
                  .subtree_end = add(subtree_end_),
                  .subtree_row_end = add(subtree_row_end_),
                  .positions = add(tree.positions),
                  .num_segments = static_cast<int32_t>(tree.segments.size()),
                  .num_rows = static_cast<int32_t>(tree.rows()),
                  .longest_path = static_cast<int32_t>(tree.longest_path)};
  for (const auto* numbers :
       {&tree.tokens, &tree.tree_begins, &tree.samples, &tree.reward_rows, &tree.reward_positions, &tree.cache_rows,
        &tree.reward_cache_rows, &tree.reward_index, &tree.token_order, &tree.token_runs})
    add(*numbers);
}

void BatchMemory::begin(const PackedTree& tree) {
  const auto count = tree.segments.size();
  subtree_end_.assign(count, 0);
  subtree_row_end_.assign(count, 0);
  for (size_t s = count; s-- > 0;) {
    const Segment& segment = tree.segments[s];
    subtree_end_[s] = std::max(subtree_end_[s], static_cast<int32_t>(s) + 1);
    subtree_row_end_[s] = std::max(subtree_row_end_[s], segment.begin + segment.length);
    if (segment.parent < 0) continue;
    const auto parent = static_cast<size_t>(segment.parent);
    subtree_end_[parent] = std::max(subtree_end_[parent], subtree_end_[s]);
    subtree_row_end_[parent] = std::max(subtree_row_end_[parent], subtree_row_end_[s]);
  }

  lists_.clear();
  tree_ = nullptr;
  lay_out(tree);
  // Space for some tile lists too; those that do not fit are staged again by each operation.
  const int64_t lists =
      8 * aligned((tree.rows() / 16 + static_cast<int64_t>(count) + 1) * static_cast<int64_t>(sizeof(TreeTile)));
  if (used_ + lists > region_bytes_) {
    grow(region_, region_bytes_, used_ + lists);
    lay_out(tree);
  }
  ring_.upload(region_, image_.data(), used_);
  tree_ = &tree;
}

const void* BatchMemory::stage(const void* host, int64_t bytes) {
  grow(staged_, staged_bytes_, 4 * bytes);  // several spans of one operation must fit
  if (staged_used_ + bytes > staged_bytes_) staged_used_ = 0;
  char* address = staged_ + staged_used_;
  staged_used_ += aligned(bytes);
  ring_.upload(address, host, bytes);
  return address;
}

const void* BatchMemory::device_address(const void* host, int64_t bytes) {
  if (bytes == 0) return nullptr;
  const char* begin = static_cast<const char*>(host);
  for (const Piece& piece : pieces_) {
    if (!tree_ || begin < piece.host || begin + bytes > piece.host + piece.bytes) continue;
    const int64_t offset = piece.offset + (begin - piece.host);
    if (std::memcmp(image_.data() + offset, host, static_cast<size_t>(bytes)) == 0) return region_ + offset;
  }
  return stage(host, bytes);
}

void BatchMemory::require(const PackedTree& tree) const {
  if (&tree != tree_ || tree.rows() != device_tree_.num_rows)
    fail("An operation was given a different packed tree from begin_batch; this is a defect of the engine.");
}

const DeviceTree& BatchMemory::device_tree(const PackedTree& tree) const {
  require(tree);
  return device_tree_;
}

namespace {

// Entries [begin, end) of the query list that lie in the segment.
std::pair<int32_t, int32_t> queries_of(const Segment& segment, std::span<const int32_t> query_rows) {
  if (query_rows.empty()) return {segment.begin, segment.begin + segment.length};
  const auto first = std::lower_bound(query_rows.begin(), query_rows.end(), segment.begin);
  const auto last = std::lower_bound(first, query_rows.end(), segment.begin + segment.length);
  return {static_cast<int32_t>(first - query_rows.begin()), static_cast<int32_t>(last - query_rows.begin())};
}

std::vector<TreeTile> cut_into_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile) {
  std::vector<TreeTile> tiles;
  for (size_t s = 0; s < tree.segments.size(); ++s) {
    const auto [begin, end] = queries_of(tree.segments[s], query_rows);
    for (int32_t at = begin; at < end; at += rows_per_tile) {
      const int32_t tile_end = std::min(end, at + rows_per_tile);
      tiles.push_back({static_cast<int32_t>(s), at, tile_end,
                       query_rows.empty() ? tile_end - 1 : query_rows[static_cast<size_t>(tile_end) - 1]});
    }
  }
  return tiles;
}

}  // namespace

const BatchMemory::BuiltList& BatchMemory::built(BuiltList::Kind kind, std::span<const int32_t> query_rows,
                                                 int rows_per_tile) {
  const auto is = [&](const std::vector<int32_t>& rows) { return query_rows.data() == rows.data(); };
  const bool all_or_tree =
      query_rows.empty() || is(tree_->reward_rows) || is(tree_->cache_rows) || is(tree_->reward_cache_rows);
  for (const BuiltList& list : lists_) {
    if (all_or_tree && list.kind == kind && list.rows_per_tile == rows_per_tile &&
        list.query_rows == query_rows.data() && list.num_queries == query_rows.size())
      return list;
  }
  std::vector<TreeTile> tiles;
  std::vector<int32_t> ranges;
  if (kind == BuiltList::Kind::segment_queries) {
    for (const Segment& segment : tree_->segments) {
      const auto [begin, end] = queries_of(segment, query_rows);
      ranges.insert(ranges.end(), {begin, end});
    }
  } else {
    tiles = cut_into_tiles(*tree_, query_rows, rows_per_tile);
    const auto work = [&](const TreeTile& tile) {
      if (kind == BuiltList::Kind::key_tiles) return subtree_row_end_[static_cast<size_t>(tile.segment)] - tile.begin;
      const Segment& segment = tree_->segments[static_cast<size_t>(tile.segment)];
      return tile.last_row - segment.begin + segment.position + 1;
    };
    std::stable_sort(tiles.begin(), tiles.end(),
                     [&](const TreeTile& a, const TreeTile& b) { return work(a) > work(b); });
  }
  const void* host = ranges.empty() ? static_cast<const void*>(tiles.data()) : ranges.data();
  const auto bytes = static_cast<int64_t>(ranges.size() * sizeof(int32_t) + tiles.size() * sizeof(TreeTile));
  BuiltList list{
      kind, rows_per_tile, query_rows.data(), query_rows.size(), nullptr, static_cast<int32_t>(tiles.size())};
  if (bytes == 0) {
    // no queries: nothing to copy
  } else if (all_or_tree && used_ + bytes <= region_bytes_) {
    list.address = region_ + used_;
    ring_.upload(region_ + used_, host, bytes);
    used_ += aligned(bytes);
    lists_.push_back(list);
    return lists_.back();
  } else {
    list.address = stage(host, bytes);
  }
  unkept_ = list;
  return unkept_;
}

TileList BatchMemory::query_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile) {
  require(tree);
  const BuiltList& list = built(BuiltList::Kind::query_tiles, query_rows, rows_per_tile);
  return {static_cast<const TreeTile*>(list.address), list.count};
}

TileList BatchMemory::key_tiles(const PackedTree& tree, int rows_per_tile) {
  require(tree);
  const BuiltList& list = built(BuiltList::Kind::key_tiles, {}, rows_per_tile);
  return {static_cast<const TreeTile*>(list.address), list.count};
}

const int32_t* BatchMemory::segment_queries(const PackedTree& tree, std::span<const int32_t> query_rows) {
  require(tree);
  return static_cast<const int32_t*>(built(BuiltList::Kind::segment_queries, query_rows, 0).address);
}

// --- Context's side

const void* Context::device_address(const void* host, int64_t bytes) { return batch->device_address(host, bytes); }
const DeviceTree& Context::device_tree(const PackedTree& tree) { return batch->device_tree(tree); }
TileList Context::query_tiles(const PackedTree& tree, std::span<const int32_t> query_rows, int rows_per_tile) {
  return batch->query_tiles(tree, query_rows, rows_per_tile);
}
TileList Context::key_tiles(const PackedTree& tree, int rows_per_tile) { return batch->key_tiles(tree, rows_per_tile); }
const int32_t* Context::segment_queries(const PackedTree& tree, std::span<const int32_t> query_rows) {
  return batch->segment_queries(tree, query_rows);
}

}  // namespace cheems::cuda
