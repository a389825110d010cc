#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/bfloat16_product.cpp"
#include "hwy/foreach_target.h"  // must come before the headers that are compiled per target

#include "backends/cpu/bfloat16_tiles-inl.h"
#include "backends/cpu/matrix_product.h"
#include "core/error.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
HWY_PUSH_ATTRIBUTES("avx512bf16")
namespace cheems::cpu::HWY_NAMESPACE {
namespace {
using pairs::count_of;

template <class T>
void pack_pairs_of_b(const MatrixProduct& p, int64_t column, int64_t k, int64_t depth, uint32_t* panel,
                     int64_t prefetched) {
  const T* b = static_cast<const T*>(p.b);
  if (p.b_transposed)
    pairs::pack_b_columns(b + column * p.b_stride + k, p.b_stride, p.columns - column, depth, panel, prefetched);
  else pairs::pack_b_rows(b + k * p.b_stride + column, p.b_stride, p.columns - column, depth, panel);
}

// Rows [k, k + depth) of the panel of B that begins at `column`; `prefetched` as in pack_b_columns.
void pack_pairs_of_b(const MatrixProduct& p, int64_t column, int64_t k, int64_t depth, uint32_t* panel,
                     int64_t prefetched) {
  switch (p.b_dtype) {
    case DType::float32:
      return pack_pairs_of_b<float>(p, column, k, depth, panel, prefetched);
    case DType::bfloat16:
      return pack_pairs_of_b<Bfloat16Bits>(p, column, k, depth, panel, prefetched);
    case DType::float16:
      return pack_pairs_of_b<Float16Bits>(p, column, k, depth, panel, prefetched);
  }
}

// Packs rows [row, row_end) of A, of all depth; a multiple of kTileRows of them but at the end.
void pack_pairs_of_a(const MatrixProduct& p, int64_t row, int64_t row_end, uint32_t* panels, int64_t panel_depth) {
  if (p.a_transposed) {
    pairs::pack_a_columns(p.a + row, p.a_stride, row_end - row, p.depth, panels, panel_depth);
    return;
  }
  for (int64_t i = row; i < row_end; i += kTileRows, panels += kTileRows * panel_depth)
    pairs::pack_a_rows(p.a + i * p.a_stride, p.a_stride, HWY_MIN(row_end - i, kTileRows), p.depth, 1.0f, panels,
                       panel_depth);
}

// A is packed whole, as many of its rows as a chunk has room for. A task packs one panel of B, block by block, each of
// which stays in the nearest caches (48 KiB) while all of A's tiles go by: so no weight is written to memory.
void multiply_pairs(const MatrixProduct& p, ThreadPool& pool, uint32_t* workspace) {
  if (p.depth == 0) return add_only(p);
  const int64_t panel_depth = padded_depth(count_of(p.depth));
  if (kTileRows * panel_depth > kChunkNumbers) {
    const int64_t part = 2 * kChunkNumbers / kTileRows / kBlockDepth / 2 * kBlockDepth;
    return cut_along_depth(p, part, [&](const MatrixProduct& piece) { multiply_pairs(piece, pool, workspace); });
  }
  const int64_t chunk_rows = kChunkNumbers / panel_depth / kTileRows * kTileRows;
  constexpr int64_t kPanelNumbers = kBlockDepth / 2 * kTileColumns;
  const int64_t b_panels = (p.columns + kTileColumns - 1) / kTileColumns;
  for (int64_t chunk = 0; chunk < p.rows; chunk += chunk_rows) {
    const int64_t rows = HWY_MIN(chunk_rows, p.rows - chunk), tiles = (rows + kTileRows - 1) / kTileRows;
    constexpr int64_t kTilesPerTask = 4;  // 48 rows: three vectors of transposed ones
    pool.parallel_for((tiles + kTilesPerTask - 1) / kTilesPerTask, [&](int64_t task, int) {
      const int64_t row = task * kTilesPerTask * kTileRows;
      pack_pairs_of_a(p, chunk + row, chunk + HWY_MIN(rows, row + kTilesPerTask * kTileRows),
                      workspace + row * panel_depth, panel_depth);
    });
    // Rows are cut where there are few columns, so that every thread has several tasks; B is packed again for each cut.
    const Stretches stretches(p, kTileColumns, pool.size());
    const int64_t cuts = HWY_MIN(tiles, (4 * pool.size() + stretches.count - 1) / stretches.count);
    pool.parallel_for(stretches.count * cuts, [&](int64_t task, int thread) {
      const int64_t cut = task % cuts, end = stretches.end(task / cuts);
      const int64_t first = tiles * cut / cuts * kTileRows, last = HWY_MIN(rows, tiles * (cut + 1) / cuts * kTileRows);
      uint32_t* b = workspace + kChunkNumbers + thread * kPanelNumbers;
      for (int64_t column = stretches.begin(task / cuts); column < end; column += kTileColumns) {
        for (int64_t k = 0; k < p.depth; k += kBlockDepth) {
          const int64_t depth = HWY_MIN(kBlockDepth, p.depth - k);
          pack_pairs_of_b(p, column, k, depth, b, stretches.distance_to_next(column, end));
          for (int64_t i = first; i < last; i += kTileRows) {
            pairs::tile(count_of(depth), workspace + i * panel_depth + 2 * k, panel_depth, b,
                        output_at(p, chunk + i, column, k), last - i, p.columns - column);
          }
        }
      }
    });
  }
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace cheems::cpu {

bool computes_bfloat16_products() {
#if HWY_TARGETS & HWY_AVX3
  return (hwy::SupportedTargets() & HWY_AVX3) != 0 && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

void bfloat16_product([[maybe_unused]] const MatrixProduct& product, [[maybe_unused]] ThreadPool& pool,
                      [[maybe_unused]] void* workspace) {
  if (!computes_bfloat16_products()) fail("This processor has no instructions for bfloat16 products (AVX512_BF16).");
#if HWY_TARGETS & HWY_AVX3
  N_AVX3::multiply_pairs(product, pool, static_cast<uint32_t*>(workspace));
#endif
}

}  // namespace cheems::cpu
#endif
