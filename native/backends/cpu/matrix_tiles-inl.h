// The CPU's matrix products, bottom layer: packed panels and the register tile that multiplies them.
// Included once per SIMD target (Highway's foreach_target); everything else builds on these.
//
// The order of every sum is written here. The inner index is cut into chains of kChainDepth; a chain is
// fma(a_k, b_k, chain) for k = 0, 1, 2, … from zero, and a tile adds its chains in order: (chain_0 + chain_1) + chain_2
// … So a row's result has the same bits whatever the other rows are, however the work is cut and however many threads
// share it. Why from zero: what a product is added to is often a thousand times as large (a residual connection). A
// chain that began there would round each of its terms to the residual's last bit.

#include <cstdint>
#include <cstring>

#include "backends/cpu/matrix_blocks.h"
#include "backends/cpu/simd-inl.h"
#include "core/dtype.h"
#include "hwy/highway.h"

#if defined(CHEEMS_MATRIX_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHEEMS_MATRIX_TILES_INL_H_
#undef CHEEMS_MATRIX_TILES_INL_H_
#else
#define CHEEMS_MATRIX_TILES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {

// The tile's accumulators fill the register file but for what a multiply-add needs beside them:
// 12 x 2 vectors of AVX-512's 32 registers, 8 x 3 of 64-bit Arm's 32 short ones, 4 x 3 of the 16 of the others. Tile
// rows are a multiple of 4.
#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kTileRows = 12, kTileVectors = 2;
#elif HWY_ARCH_ARM_A64
constexpr int64_t kTileRows = 8, kTileVectors = 3;
#else
constexpr int64_t kTileRows = 4, kTileVectors = 3;
#endif
constexpr int64_t kTileColumns = kTileVectors * kFloatLanes;

// Terms of one chain of multiply-adds. The variance of a sum's rounding error grows with kChainDepth + n / kChainDepth
// for n terms; ending a chain costs about as much as two of its terms.
constexpr int64_t kChainDepth = 64;

constexpr int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Loads kFloatLanes consecutive numbers as float32; 16-bit weights are widened here, on their way into a panel.
HWY_INLINE FloatVec load_widened(Floats d, const float* p) { return hn::LoadU(d, p); }
struct Bfloat16Bits {
  uint16_t bits;
};
struct Float16Bits {
  uint16_t bits;
};
HWY_INLINE FloatVec load_widened(Floats d, const Bfloat16Bits* p) {
  const hn::Rebind<uint16_t, Floats> d16;
  const hn::RebindToUnsigned<Floats> d32;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p)))));
}
HWY_INLINE FloatVec load_widened(Floats d, const Float16Bits* p) {
  const hn::Rebind<hwy::float16_t, Floats> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p)));
}
HWY_INLINE float widen_one(float x) { return x; }
HWY_INLINE float widen_one(Bfloat16Bits x) { return to_float(x.bits, DType::bfloat16); }
HWY_INLINE float widen_one(Float16Bits x) { return to_float(x.bits, DType::float16); }

// ---- A panels: kTileRows rows, stored as kTileRows / 4 groups of [panel_depth][4], of which `depth` are filled; rows
// past the end are zero. Groups whose distance is a multiple of 4 KiB would meet in one cache set: see padded_depth().

constexpr int64_t padded_depth(int64_t depth) { return depth + 4; }

// From a row-major matrix: element (row, k) at a[row * stride + k]; each row is scaled by `scale`.
HWY_INLINE void pack_a_rows(const float* a, int64_t stride, int64_t rows, int64_t depth, float scale, float* panel,
                            int64_t panel_depth) {
  const Floats d;
  const FloatVec factor = hn::Set(d, scale);
  for (int64_t group = 0; group < kTileRows; group += 4, panel += 4 * panel_depth) {
    const int64_t live = rows - group;
    if (live <= 0) {
      memset(panel, 0, static_cast<size_t>(4 * depth) * sizeof(float));
      continue;
    }
    const float* row[4];
    for (int64_t i = 0; i < 4; ++i) row[i] = a + (group + (i < live ? i : 0)) * stride;
    const FloatVec f1 = live > 1 ? factor : hn::Zero(d), f2 = live > 2 ? factor : hn::Zero(d),
                   f3 = live > 3 ? factor : hn::Zero(d);
    int64_t k = 0;
    for (; k + kFloatLanes <= depth; k += kFloatLanes) {
      hn::StoreInterleaved4(hn::Mul(factor, hn::LoadU(d, row[0] + k)), hn::Mul(f1, hn::LoadU(d, row[1] + k)),
                            hn::Mul(f2, hn::LoadU(d, row[2] + k)), hn::Mul(f3, hn::LoadU(d, row[3] + k)), d,
                            panel + 4 * k);
    }
    for (; k < depth; ++k) {
      for (int64_t i = 0; i < 4; ++i) panel[4 * k + i] = i < live ? scale * row[i][k] : 0.0f;
    }
  }
}

// From a transposed matrix: element (row, k) at a[k * stride + row]. Packs all panels of `rows` rows side by side (a
// group of four begins at rows * panel_depth), so that each of a's rows is read once, in one go.
HWY_INLINE void pack_a_columns(const float* a, int64_t stride, int64_t rows, int64_t depth, float* panels,
                               int64_t panel_depth) {
  const int64_t whole = rows / 4 * 4, padded = round_up(rows, kTileRows);
  for (int64_t k = 0; k < depth; ++k, a += stride) {
    for (int64_t row = 0; row < whole; row += 4) memcpy(panels + row * panel_depth + 4 * k, a + row, 4 * sizeof(float));
    for (int64_t row = whole; row < padded; ++row)
      panels[row / 4 * 4 * panel_depth + 4 * k + row % 4] = row < rows ? a[row] : 0.0f;
  }
}

// ---- B panels: kTileColumns columns, stored as [depth][kTileColumns]; columns past the end are zero.

// Element (k, column) at b[k * stride + column]. Writes depth rows of the panel.
template <class T>
HWY_INLINE void pack_b_rows(const T* b, int64_t stride, int64_t columns, int64_t depth, float* panel) {
  const Floats d;
  if (columns >= kTileColumns) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t v = 0; v < kTileVectors; ++v)
        hn::StoreU(load_widened(d, b + k * stride + v * kFloatLanes), d, panel + k * kTileColumns + v * kFloatLanes);
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < kTileColumns; ++j)
      panel[k * kTileColumns + j] = j < columns ? widen_one(b[k * stride + j]) : 0.0f;
  }
}

#if HWY_TARGET != HWY_SCALAR
// Blocks of 16 bytes as one vector: block i from `from + i * step`.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const hn::TFromD<D>* from, int64_t step) {
  constexpr size_t kBlocks = hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) / 16;
  if constexpr (kBlocks == 1) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, from + kBlocks / 2 * step, step), load_blocks(half, from, step));
  }
}

// out[i] = unit i of each of kFloatLanes columns, for 4 units of 4 bytes: a float32, or two 16-bit numbers.
template <class T>
HWY_INLINE void transpose_units(const T* columns, int64_t stride, hn::Vec<hn::RebindToUnsigned<Floats>> (&out)[4]) {
  const hn::RebindToUnsigned<Floats> d32;
  const hn::Repartition<uint64_t, Floats> d64;
  const hn::Repartition<T, Floats> d;
  const auto v0 = hn::BitCast(d32, load_blocks(d, columns, 4 * stride)),
             v1 = hn::BitCast(d32, load_blocks(d, columns + stride, 4 * stride));
  const auto v2 = hn::BitCast(d32, load_blocks(d, columns + 2 * stride, 4 * stride)),
             v3 = hn::BitCast(d32, load_blocks(d, columns + 3 * stride, 4 * stride));
  const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d32, v0, v1)),
             high01 = hn::BitCast(d64, hn::InterleaveUpper(d32, v0, v1));
  const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d32, v2, v3)),
             high23 = hn::BitCast(d64, hn::InterleaveUpper(d32, v2, v3));
  out[0] = hn::BitCast(d32, hn::InterleaveLower(d64, low01, low23));
  out[1] = hn::BitCast(d32, hn::InterleaveUpper(d64, low01, low23));
  out[2] = hn::BitCast(d32, hn::InterleaveLower(d64, high01, high23));
  out[3] = hn::BitCast(d32, hn::InterleaveUpper(d64, high01, high23));
}

// The first 16 bytes of each of kFloatLanes columns, widened, into rows of a B panel.
HWY_INLINE void pack_b_lanes(const float* b, int64_t stride, float* to) {
  const Floats d;
  hn::Vec<hn::RebindToUnsigned<Floats>> units[4];
  transpose_units(b, stride, units);
  for (int64_t i = 0; i < 4; ++i) hn::StoreU(hn::BitCast(d, units[i]), d, to + i * kTileColumns);
}
HWY_INLINE void pack_b_lanes(const Bfloat16Bits* b, int64_t stride, float* to) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> d32;
  hn::Vec<hn::RebindToUnsigned<Floats>> units[4];
  transpose_units(reinterpret_cast<const uint16_t*>(b), stride, units);
  for (int64_t i = 0; i < 4; ++i) {
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(units[i])), d, to + 2 * i * kTileColumns);
    hn::StoreU(hn::BitCast(d, hn::And(units[i], hn::Set(d32, 0xffff0000u))), d, to + (2 * i + 1) * kTileColumns);
  }
}
HWY_INLINE void pack_b_lanes(const Float16Bits* b, int64_t stride, float* to) {
  const Floats d;
  const hn::Rebind<uint16_t, Floats> d16;
  const hn::Rebind<hwy::float16_t, Floats> dh;
  hn::Vec<hn::RebindToUnsigned<Floats>> units[4];
  transpose_units(reinterpret_cast<const uint16_t*>(b), stride, units);
  for (int64_t i = 0; i < 4; ++i) {
    hn::StoreU(hn::PromoteTo(d, hn::BitCast(dh, hn::TruncateTo(d16, units[i]))), d, to + 2 * i * kTileColumns);
    hn::StoreU(hn::PromoteTo(d, hn::BitCast(dh, hn::TruncateTo(d16, hn::ShiftRight<16>(units[i])))), d,
               to + (2 * i + 1) * kTileColumns);
  }
}
#endif

// Element (k, column) at b[column * stride + k]: a weight [out, in] or a matrix of keys, transposed on the way.
// The columns lie far apart, so the hardware does not prefetch the next panel. Where `prefetched` is not 0, the cache
// lines that lie so many columns later are prefetched into the second-level cache on the way: a panel is too large for
// the first level, and would be evicted from it before its turn.
template <class T>
HWY_INLINE void prefetch_columns(const T* b, int64_t stride, int64_t k, int64_t prefetched) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  if (prefetched == 0 || k % kLine != 0) return;
  for (int64_t j = 0; j < kTileColumns; ++j) __builtin_prefetch(b + (j + prefetched) * stride + k, 0, 2);
}
template <class T>
HWY_INLINE void pack_b_columns(const T* b, int64_t stride, int64_t columns, int64_t depth, float* panel,
                               [[maybe_unused]] int64_t prefetched = 0) {
  const Floats d;
#if HWY_TARGET != HWY_SCALAR
  if (columns >= kTileColumns) {
    constexpr int64_t kUnits = 16 / static_cast<int64_t>(sizeof(T));
    int64_t k = 0;
    for (; k + kUnits <= depth; k += kUnits) {
      prefetch_columns(b, stride, k, prefetched);
      for (int64_t v = 0; v < kTileColumns; v += kFloatLanes)
        pack_b_lanes(b + v * stride + k, stride, panel + k * kTileColumns + v);
    }
    for (; k < depth; ++k) {
      for (int64_t j = 0; j < kTileColumns; ++j) panel[k * kTileColumns + j] = widen_one(b[j * stride + k]);
    }
    return;
  }
#endif
  HWY_ALIGN float block[4 * kFloatLanes];
  int64_t j = 0;
  for (; j + 4 <= HWY_MIN(columns, kTileColumns); j += 4) {
    const T* column = b + j * stride;
    int64_t k = 0;
    for (; k + kFloatLanes <= depth; k += kFloatLanes) {
      hn::StoreInterleaved4(load_widened(d, column + k), load_widened(d, column + stride + k),
                            load_widened(d, column + 2 * stride + k), load_widened(d, column + 3 * stride + k), d,
                            block);
      for (int64_t i = 0; i < kFloatLanes; ++i)
        memcpy(panel + (k + i) * kTileColumns + j, block + 4 * i, 4 * sizeof(float));
    }
    for (; k < depth; ++k) {
      for (int64_t i = 0; i < 4; ++i) panel[k * kTileColumns + j + i] = widen_one(column[i * stride + k]);
    }
  }
  for (; j < kTileColumns; ++j) {
    for (int64_t k = 0; k < depth; ++k) panel[k * kTileColumns + j] = j < columns ? widen_one(b[j * stride + k]) : 0.0f;
  }
}

// ---- The tile.

// sum += column k of an A panel times row k of a B panel; `a` and `b` point at them.
template <int64_t Rows>
HWY_INLINE void multiply_add(const float* HWY_RESTRICT a, int64_t a_depth, const float* HWY_RESTRICT b,
                             FloatVec (&sum)[Rows][kTileVectors]) {
  const Floats d;
  FloatVec right[kTileVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) right[v] = hn::LoadU(d, b + v * kFloatLanes);
#pragma GCC unroll 16
  for (int64_t i = 0; i < Rows; ++i) {
    const FloatVec left = hn::Set(d, a[i / 4 * 4 * a_depth + i % 4]);
#pragma GCC unroll 4
    for (int64_t v = 0; v < kTileVectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
  }
}

// A B over `depth` into out[Rows, kTileColumns], for Rows up to kTileRows. `a_depth` is the A panel's
// panel_depth. The first chain has `first_chain` terms, the others kChainDepth.
template <int64_t Rows>
HWY_INLINE void full_tile(int64_t depth, int64_t first_chain, const float* HWY_RESTRICT a, int64_t a_depth,
                          const float* HWY_RESTRICT b, const TileOutput& out) {
  const Floats d;
  HWY_ALIGN float totals[Rows * kTileColumns];  // of the chains before
  for (int64_t begin = 0, end = HWY_MIN(first_chain, depth);; begin = end, end = HWY_MIN(end + kChainDepth, depth)) {
    FloatVec sum[Rows][kTileVectors];
#pragma GCC unroll 16
    for (int64_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kTileVectors; ++v) sum[i][v] = hn::Zero(d);
    }
    // By fours: a chain is so short that its loop's end would be mispredicted often.
    constexpr int64_t kUnroll = 4;
    int64_t k = begin;
    for (; k + kUnroll <= end; k += kUnroll) {
#pragma GCC unroll 4
      for (int64_t u = 0; u < kUnroll; ++u)
        multiply_add<Rows>(a + 4 * (k + u), a_depth, b + (k + u) * kTileColumns, sum);
    }
#pragma GCC unroll 1
    for (; k < end; ++k) multiply_add<Rows>(a + 4 * k, a_depth, b + k * kTileColumns, sum);
    if (begin > 0) {
#pragma GCC unroll 16
      for (int64_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < kTileVectors; ++v)
          sum[i][v] = hn::Add(hn::Load(d, totals + i * kTileColumns + v * kFloatLanes), sum[i][v]);
      }
    }
    if (end == depth) {
#pragma GCC unroll 16
      for (int64_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int64_t v = 0; v < kTileVectors; ++v) {
          float* c = out.c + i * out.stride + v * kFloatLanes;
          if (out.accumulate) sum[i][v] = hn::Add(hn::LoadU(d, c), sum[i][v]);
          if (out.addend)
            sum[i][v] = hn::Add(hn::LoadU(d, out.addend + i * out.addend_stride + v * kFloatLanes), sum[i][v]);
          hn::StoreU(sum[i][v], d, c);
        }
      }
      return;
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kTileVectors; ++v) hn::Store(sum[i][v], d, totals + i * kTileColumns + v * kFloatLanes);
    }
  }
}

// A tile at the edge, where only [rows, columns] of c and of the addend exist: it is computed beside them.
class TileEdge {
 public:
  HWY_INLINE TileEdge(const TileOutput& out, int64_t rows, int64_t columns)
      : out_(out),
        rows_(HWY_MIN(rows, kTileRows)),
        bytes_(static_cast<size_t>(HWY_MIN(columns, kTileColumns)) * sizeof(float)) {
    for (int64_t i = 0; i < rows_; ++i) {
      if (out.accumulate) memcpy(edge_ + i * kTileColumns, out.c + i * out.stride, bytes_);
      if (out.addend) memcpy(addend_ + i * kTileColumns, out.addend + i * out.addend_stride, bytes_);
    }
  }
  HWY_INLINE TileOutput inner() {
    return {edge_, kTileColumns, out_.accumulate, out_.addend ? addend_ : nullptr, kTileColumns};
  }
  HWY_INLINE void store() const {
    for (int64_t i = 0; i < rows_; ++i) memcpy(out_.c + i * out_.stride, edge_ + i * kTileColumns, bytes_);
  }

 private:
  const TileOutput& out_;
  const int64_t rows_;
  const size_t bytes_;
  HWY_ALIGN float edge_[kTileRows * kTileColumns] = {};
  HWY_ALIGN float addend_[kTileRows * kTileColumns] = {};
};

// The same for a tile that may be at the edge. By default all chains but the last are whole; `first_chain` says where
// another alignment is wanted.
HWY_INLINE void tile(int64_t depth, const float* a, int64_t a_depth, const float* b, const TileOutput& out,
                     int64_t rows, int64_t columns, int64_t first_chain = kChainDepth) {
  if (rows >= kTileRows && columns >= kTileColumns) {
    full_tile<kTileRows>(depth, first_chain, a, a_depth, b, out);
    return;
  }
  TileEdge edge(out, rows, columns);
  // Rows that are not there are hardly computed either. One row is what decoding a text has.
  if (rows == 1) full_tile<1>(depth, first_chain, a, a_depth, b, edge.inner());
  else if (rows == 2) full_tile<2>(depth, first_chain, a, a_depth, b, edge.inner());
  else if (rows <= 4) full_tile<4>(depth, first_chain, a, a_depth, b, edge.inner());
  else if (kTileRows > 8 && rows <= 8)
    full_tile<HWY_MIN(int64_t{8}, kTileRows)>(depth, first_chain, a, a_depth, b, edge.inner());
  else full_tile<kTileRows>(depth, first_chain, a, a_depth, b, edge.inner());
  edge.store();
}

// The panels of this file and their tile under one name, for kernels that may have other ones (PairPanels in
// bfloat16_tiles-inl.h): `units(depth)` is the depth that a panel has, in numbers of 4 bytes.
struct FloatPanels {
  static constexpr int64_t kTermsPerUnit = 1;
  static constexpr bool kExactFunctions = true;  // exp and the like in float64
  static constexpr int64_t units(int64_t depth) { return depth; }
  template <class... Arguments>
  static HWY_INLINE void pack_a_rows(const Arguments&... arguments) {
    HWY_NAMESPACE::pack_a_rows(arguments...);
  }
  template <class... Arguments>
  static HWY_INLINE void pack_a_columns(const Arguments&... arguments) {
    HWY_NAMESPACE::pack_a_columns(arguments...);
  }
  template <class... Arguments>
  static HWY_INLINE void pack_b_rows(const Arguments&... arguments) {
    HWY_NAMESPACE::pack_b_rows(arguments...);
  }
  template <class... Arguments>
  static HWY_INLINE void pack_b_columns(const Arguments&... arguments) {
    HWY_NAMESPACE::pack_b_columns(arguments...);
  }
  static HWY_INLINE void tile(int64_t depth, const float* a, int64_t a_depth, const float* b, const TileOutput& out,
                              int64_t rows, int64_t columns, int64_t first_chain) {
    HWY_NAMESPACE::tile(depth, a, a_depth, b, out, rows, columns, first_chain);
  }
};

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
