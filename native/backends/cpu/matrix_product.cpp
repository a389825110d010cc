#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/matrix_product.cpp"
#include "hwy/foreach_target.h"  // must come before the headers that are compiled per target

#include "backends/cpu/matrix_product.h"

#include "backends/cpu/matrix_tiles-inl.h"

#ifndef CHEEMS_MATRIX_PRODUCT_CONSTANTS
#define CHEEMS_MATRIX_PRODUCT_CONSTANTS
namespace cheems::cpu {
namespace {
// B is packed in chunks of kChunkNumbers, A in blocks of kBlockRows rows by kBlockDepth (288 KiB, in the second-level
// cache); one B panel of kBlockDepth rows is read again from there for all A panels of a block.
constexpr int64_t kBlockRows = 96;
}  // namespace
}  // namespace cheems::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {
static_assert(kBlockDepth % kChainDepth == 0);

template <class T>
void pack_b(const MatrixProduct& p, int64_t column, int64_t k, int64_t depth, float* panel, int64_t prefetched) {
  const T* b = static_cast<const T*>(p.b);
  if (p.b_transposed)
    pack_b_columns(b + column * p.b_stride + k, p.b_stride, p.columns - column, depth, panel, prefetched);
  else pack_b_rows(b + k * p.b_stride + column, p.b_stride, p.columns - column, depth, panel);
}

// Rows [k, k + depth) of the panel of B that begins at `column`; `prefetched` as in pack_b_columns.
void pack_b_panel(const MatrixProduct& p, int64_t column, int64_t k, int64_t depth, float* panel,
                  int64_t prefetched = 0) {
  switch (p.b_dtype) {
    case DType::float32:
      return pack_b<float>(p, column, k, depth, panel, prefetched);
    case DType::bfloat16:
      return pack_b<Bfloat16Bits>(p, column, k, depth, panel, prefetched);
    case DType::float16:
      return pack_b<Float16Bits>(p, column, k, depth, panel, prefetched);
  }
}

// A few rows: A packed as a whole, then a task for each stretch of panels of B, which are fetched one ahead.
void multiply_few_rows(const MatrixProduct& p, ThreadPool& pool, float* workspace) {
  const int64_t panel_depth = padded_depth(p.depth), b_floats = kBlockDepth * kTileColumns;
  float* packed_b = workspace + kChunkNumbers;
  for (int64_t i = 0; i < p.rows; i += kTileRows)
    pack_a_rows(p.a + i * p.a_stride, p.a_stride, HWY_MIN(p.rows - i, kTileRows), p.depth, 1.0f,
                workspace + i * panel_depth, panel_depth);
  const Stretches stretches(p, kTileColumns, pool.size());
  pool.parallel_for(stretches.count, [&](int64_t stretch, int thread) {
    float* b = packed_b + thread * b_floats;
    const int64_t end = stretches.end(stretch);
    for (int64_t column = stretches.begin(stretch); column < end; column += kTileColumns) {
      for (int64_t k = 0; k < p.depth; k += kBlockDepth) {
        const int64_t depth = HWY_MIN(kBlockDepth, p.depth - k);
        pack_b_panel(p, column, k, depth, b, stretches.distance_to_next(column, end));
        for (int64_t i = 0; i < p.rows; i += kTileRows) {
          tile(depth, workspace + i * panel_depth + 4 * k, panel_depth, b, output_at(p, i, column, k), p.rows - i,
               p.columns - column);
        }
      }
    }
  });
}

// Rows [row, row_end) of C, columns of the packed panels [first_panel, last_panel) of a chunk that begins at column
// `chunk`.
void multiply_block(const MatrixProduct& p, int64_t row, int64_t row_end, int64_t chunk, int64_t first_panel,
                    int64_t last_panel, const float* packed_b, float* packed_a) {
  for (int64_t k = 0; k < p.depth; k += kBlockDepth) {
    const int64_t depth = HWY_MIN(kBlockDepth, p.depth - k);
    const int64_t panel_depth = padded_depth(depth);
    if (p.a_transposed) {
      pack_a_columns(p.a + k * p.a_stride + row, p.a_stride, row_end - row, depth, packed_a, panel_depth);
    } else {
      for (int64_t i = row; i < row_end; i += kTileRows)
        pack_a_rows(p.a + i * p.a_stride + k, p.a_stride, HWY_MIN(row_end - i, kTileRows), depth, 1.0f,
                    packed_a + (i - row) * panel_depth, panel_depth);
    }
    for (int64_t b_panel = first_panel; b_panel < last_panel; ++b_panel) {
      const float* b = packed_b + (b_panel * p.depth + k) * kTileColumns;
      const int64_t column = chunk + b_panel * kTileColumns;
      for (int64_t i = row; i < row_end; i += kTileRows) {
        tile(depth, packed_a + (i - row) * panel_depth, panel_depth, b, output_at(p, i, column, k), row_end - i,
             p.columns - column);
      }
    }
  }
}

void multiply(const MatrixProduct& p, ThreadPool& pool, float* workspace) {
  if (p.depth == 0) return add_only(p);
  if (p.rows <= kFewRows && !p.a_transposed && round_up(p.rows, kTileRows) * padded_depth(p.depth) <= kChunkNumbers)
    return multiply_few_rows(p, pool, workspace);
  float* packed_b = workspace;
  float* packed_a = workspace + kChunkNumbers;
  const int64_t a_floats = round_up(kBlockRows, kTileRows) * padded_depth(kBlockDepth);
  // A chunk holds whole panels; a single panel of a very deep product is cut along the depth instead.
  if (p.depth * kTileColumns > kChunkNumbers) {
    const int64_t part = kChunkNumbers / kTileColumns / kBlockDepth * kBlockDepth;
    cut_along_depth(p, part, [&](const MatrixProduct& piece) { multiply(piece, pool, workspace); });
    return;
  }
  const int64_t chunk_panels = HWY_MAX(int64_t{1}, kChunkNumbers / (p.depth * kTileColumns));
  for (int64_t chunk = 0; chunk < p.columns; chunk += chunk_panels * kTileColumns) {
    const int64_t panels = HWY_MIN(chunk_panels, (p.columns - chunk + kTileColumns - 1) / kTileColumns);
    pool.parallel_for(panels, [&](int64_t panel, int) {
      pack_b_panel(p, chunk + panel * kTileColumns, 0, p.depth, packed_b + panel * p.depth * kTileColumns);
    });
    // Enough blocks for every thread several times over; columns are cut too where there are few rows.
    int64_t block_rows = round_up(kBlockRows, kTileRows);
    while (block_rows > kTileRows * 4 && (p.rows + block_rows - 1) / block_rows < 6 * pool.size())
      block_rows = round_up(block_rows / 2, kTileRows);
    const int64_t row_blocks = (p.rows + block_rows - 1) / block_rows;
    const int64_t cuts = pool.size() == 1 || row_blocks >= 6 * pool.size()
                             ? 1
                             : HWY_MIN(panels, (6 * pool.size() + row_blocks - 1) / row_blocks);
    pool.parallel_for(row_blocks * cuts, [&](int64_t task, int thread) {
      const int64_t row = task / cuts * block_rows, cut = task % cuts;
      multiply_block(p, row, HWY_MIN(row + block_rows, p.rows), chunk, panels * cut / cuts, panels * (cut + 1) / cuts,
                     packed_b, packed_a + thread * a_floats);
    });
  }
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(multiply);

int64_t matrix_product_workspace(int threads) {
  const int64_t a_block = 2 * kBlockRows * kBlockDepth;  // a bound for every target's tile
  return (kChunkNumbers + threads * a_block) * static_cast<int64_t>(sizeof(float));
}

void matrix_product(const MatrixProduct& product, ThreadPool& pool, void* workspace) {
  if (product.rows == 0 || product.columns == 0) return;
  if (product.arithmetic == DType::bfloat16) return bfloat16_product(product, pool, workspace);
  HWY_DYNAMIC_DISPATCH(multiply)(product, pool, static_cast<float*>(workspace));
}
}  // namespace cheems::cpu
#endif
