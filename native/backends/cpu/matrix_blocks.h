// How the CPU's matrix products are cut, whatever they are computed in: blocks of the inner index, chunks of the
// workspace, and where a tile's sum goes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/matrix_product.h"

namespace cheems::cpu {

// Numbers of 4 bytes (a float32, or a pair of bfloat16) that are packed at once for all threads: 8 MiB, a share of the
// last-level cache.
constexpr int64_t kChunkNumbers = int64_t{1} << 21;
// The inner index goes through the second-level cache in blocks of this many terms. Deep blocks go to C less often,
// which gains more than panels of the first-level cache's size. Whichever way a product is computed, its bits are those
// of c = ([c +] block_0 + block_1 + …) [+ addend], from left to right.
constexpr int64_t kBlockDepth = 768;

// Where a tile's sum goes: c = sum, or c + sum (accumulate); then `addend` is added, where there is one.
struct TileOutput {
  float* c;
  int64_t stride;
  bool accumulate = false;
  const float* addend = nullptr;  // a bias row (stride 0) or a matrix other than c
  int64_t addend_stride = 0;
};

// The tile of C at (row, column), for the block that begins at `k`.
inline TileOutput output_at(const MatrixProduct& p, int64_t row, int64_t column, int64_t k) {
  TileOutput out{p.c + row * p.c_stride + column, p.c_stride, p.accumulate || k > 0};
  if (p.addend && k + kBlockDepth >= p.depth)
    out.addend = p.addend + row * p.addend_stride + column, out.addend_stride = p.addend_stride;
  return out;
}

// Up to so many rows a weight costs more to fetch than to multiply with: B's panels go through the nearest caches,
// kBlockDepth deep, and are used at once for all rows, instead of through a chunk that is written and read again.
constexpr int64_t kFewRows = 48;

// The columns of B, cut into stretches of whole panels. For few rows a few stretches per thread: enough that one that
// falls behind does not hold up the others, and long, so that a panel is followed by the next one on the same thread,
// which is fetched meanwhile. For many rows a stretch is a panel.
struct Stretches {
  int64_t columns, panel_columns, panels, count, threads;
  Stretches(const MatrixProduct& p, int64_t panel_columns, int threads)
      : columns(p.columns),
        panel_columns(panel_columns),
        panels((columns + panel_columns - 1) / panel_columns),
        count(p.rows > kFewRows ? panels : std::min<int64_t>(panels, threads == 1 ? 1 : 4 * threads)),
        threads(threads) {}
  int64_t begin(int64_t stretch) const { return panels * stretch / count * panel_columns; }
  int64_t end(int64_t stretch) const { return std::min(columns, panels * (stretch + 1) / count * panel_columns); }
  // How many columns after `column` the panel begins that the same thread will probably take next; 0: there is none.
  int64_t distance_to_next(int64_t column, int64_t end) const {
    const bool single_panels = count == panels;
    const int64_t distance = single_panels ? threads * panel_columns : panel_columns;
    return column + distance < (single_panels ? columns : end) ? distance : 0;
  }
};

// A product of depth 0.
inline void add_only(const MatrixProduct& p) {
  for (int64_t i = 0; i < p.rows; ++i) {
    for (int64_t j = 0; j < p.columns; ++j) {
      float& c = p.c[i * p.c_stride + j];
      c = (p.accumulate ? c : 0.0f) + (p.addend ? p.addend[i * p.addend_stride + j] : 0.0f);
    }
  }
}

// A product that is too deep for the workspace, by pieces of at most `part` terms, a multiple of kBlockDepth.
template <class Multiply>
void cut_along_depth(const MatrixProduct& p, int64_t part, Multiply multiply) {
  MatrixProduct piece = p;
  for (int64_t k = 0; k < p.depth; k += part) {
    piece.depth = std::min(part, p.depth - k);
    piece.a = p.a + (p.a_transposed ? k * p.a_stride : k);
    piece.b = static_cast<const char*>(p.b) +
              (p.b_transposed ? k : k * p.b_stride) * static_cast<int64_t>(size_of(p.b_dtype));
    piece.accumulate = p.accumulate || k > 0;
    piece.addend = k + part >= p.depth ? p.addend : nullptr;
    multiply(piece);
  }
}

// The product with bfloat16 arithmetic; `workspace` as in matrix_product.
void bfloat16_product(const MatrixProduct& product, ThreadPool& pool, void* workspace);

}  // namespace cheems::cpu
