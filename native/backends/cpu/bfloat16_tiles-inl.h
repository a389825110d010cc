// The CPU's matrix products in bfloat16, bottom layer: panels of pairs and the register tile that multiplies them by
// AVX-512's dot product of pairs (vdpbf16ps).
//
// Panels have the layout of matrix_tiles-inl.h with a pair of bfloat16 numbers, of inner indices 2 k and 2 k + 1, where
// that has the float32 of index k. Float32 numbers are rounded to nearest even on their way into a panel. The products
// of a pair are exact in float32; a tile adds both to its float32 accumulator in the processor's order, pair after
// pair, from zero. So a row's result has the same bits whatever the other rows are, on one kind of processor.
//
// Floor: half of float32's cycles, as an instruction takes two terms where a fused multiply-add takes one.

#include "backends/cpu/matrix_tiles-inl.h"

#if defined(CHEEMS_BFLOAT16_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHEEMS_BFLOAT16_TILES_INL_H_
#undef CHEEMS_BFLOAT16_TILES_INL_H_
#else
#define CHEEMS_BFLOAT16_TILES_INL_H_
#endif

// Only this target's processors may have the instruction; cpu_has_bfloat16_products() asks each at run time.
#if HWY_TARGET == HWY_AVX3
#include <immintrin.h>

HWY_BEFORE_NAMESPACE();
HWY_PUSH_ATTRIBUTES("avx512bf16")
namespace cheems::cpu::HWY_NAMESPACE::pairs {

using Pairs = hn::RebindToUnsigned<Floats>;  // 16 pairs; the lower half of each has the even inner index
using PairVec = hn::Vec<Pairs>;

constexpr int64_t count_of(int64_t depth) { return (depth + 1) / 2; }

// 32 consecutive numbers as 16 pairs; those past `left` are zero.
HWY_INLINE PairVec consecutive(const float* p, int64_t left, FloatVec scale) {
  const FloatVec low = load(p, left), high = left > kFloatLanes ? load(p + kFloatLanes, left - kFloatLanes) : zero();
  return PairVec{(__m512i)_mm512_cvtne2ps_pbh(hn::Mul(scale, high).raw, hn::Mul(scale, low).raw)};
}

// Pair i has even[i] and odd[i].
HWY_INLINE PairVec interleaved(FloatVec even, FloatVec odd) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even.raw));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd.raw));
  return PairVec{_mm512_or_si512(low, _mm512_slli_epi32(high, 16))};
}
template <class T>
HWY_INLINE PairVec interleaved_rows(const T* even, const T* odd) {
  const Floats d;
  return interleaved(load_widened(d, even), odd ? load_widened(d, odd) : zero());
}
HWY_INLINE PairVec interleaved_rows(const Bfloat16Bits* even, const Bfloat16Bits* odd) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(even)));
  if (!odd) return PairVec{low};
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd)));
  return PairVec{_mm512_or_si512(low, _mm512_slli_epi32(high, 16))};
}
template <class T>
HWY_INLINE uint32_t one_pair(const T* even, const T* odd) {
  const uint32_t low = float_to_bfloat16(widen_one(*even));
  return odd ? low | static_cast<uint32_t>(float_to_bfloat16(widen_one(*odd))) << 16 : low;
}

// As pack_a_rows of matrix_tiles-inl.h; panel_depth counts pairs.
HWY_INLINE void pack_a_rows(const float* a, int64_t stride, int64_t rows, int64_t depth, float scale, uint32_t* panel,
                            int64_t panel_depth) {
  const Pairs d;
  const FloatVec factor = set(scale);
  constexpr int64_t kStep = 2 * kFloatLanes;
  for (int64_t group = 0; group < kTileRows; group += 4, panel += 4 * panel_depth) {
    const int64_t live = rows - group;
    const float* row[4];
    for (int64_t i = 0; i < 4; ++i) row[i] = a + (group + i) * stride;
    for (int64_t k = 0; k < depth; k += kStep) {
      const int64_t left = depth - k;
      PairVec v[4];
      for (int64_t i = 0; i < 4; ++i) v[i] = i < live ? consecutive(row[i] + k, left, factor) : hn::Zero(d);
      if (left >= kStep) {
        hn::StoreInterleaved4(v[0], v[1], v[2], v[3], d, panel + 2 * k);
      } else {
        HWY_ALIGN uint32_t last[4 * kFloatLanes];
        hn::StoreInterleaved4(v[0], v[1], v[2], v[3], d, last);
        memcpy(panel + 2 * k, last, static_cast<size_t>(4 * count_of(left)) * sizeof(uint32_t));
      }
    }
  }
}

// As pack_a_columns of matrix_tiles-inl.h.
HWY_INLINE void pack_a_columns(const float* a, int64_t stride, int64_t rows, int64_t depth, uint32_t* panels,
                               int64_t panel_depth) {
  const Pairs d;
  const int64_t padded = round_up(rows, kTileRows);
  for (int64_t k = 0; k < depth; k += 2, a += 2 * stride) {
    const float* odd = k + 1 < depth ? a + stride : nullptr;
    for (int64_t row = 0; row < padded; row += kFloatLanes) {
      const int64_t left = rows - row;
      const PairVec v =
          left <= 0 ? hn::Zero(d) : interleaved(load(a + row, left), odd ? load(odd + row, left) : zero());
      HWY_ALIGN uint32_t lanes[kFloatLanes];
      hn::Store(v, d, lanes);
      for (int64_t i = 0; i < HWY_MIN(kFloatLanes, padded - row); i += 4)
        memcpy(panels + (row + i) * panel_depth + 2 * k, lanes + i, 4 * sizeof(uint32_t));
    }
  }
}

// As pack_b_rows of matrix_tiles-inl.h.
template <class T>
HWY_INLINE void pack_b_rows(const T* b, int64_t stride, int64_t columns, int64_t depth, uint32_t* panel) {
  const Pairs d;
  for (int64_t k = 0; k < depth; k += 2, panel += kTileColumns) {
    const T *even = b + k * stride, *odd = k + 1 < depth ? even + stride : nullptr;
    if (columns >= kTileColumns) {
      for (int64_t j = 0; j < kTileColumns; j += kFloatLanes)
        hn::StoreU(interleaved_rows(even + j, odd ? odd + j : nullptr), d, panel + j);
    } else {
      for (int64_t j = 0; j < kTileColumns; ++j)
        panel[j] = j < columns ? one_pair(even + j, odd ? odd + j : nullptr) : 0;
    }
  }
}

// Rows of a B panel from 16 columns, each with 4 pairs in its first 16 bytes.
template <class T>
HWY_INLINE void store_transposed(const T* columns, int64_t stride, uint32_t* panel) {
  PairVec units[4];
  transpose_units(columns, stride, units);
  for (int64_t i = 0; i < 4; ++i) hn::StoreU(units[i], Pairs(), panel + i * kTileColumns);
}

// 16 columns of at most 32 numbers, which are rounded, side by side, and then turned.
template <class T>
HWY_INLINE void pack_b_columns_rounded(const T* b, int64_t stride, int64_t depth, uint32_t* panel) {
  const Floats d;
  HWY_ALIGN uint32_t block[kFloatLanes * kFloatLanes];
  for (int64_t j = 0; j < kFloatLanes; ++j) {
    HWY_ALIGN float widened[2 * kFloatLanes] = {};
    const T* column = b + j * stride;
    if (depth == 2 * kFloatLanes) {
      hn::Store(load_widened(d, column), d, widened);
      hn::Store(load_widened(d, column + kFloatLanes), d, widened + kFloatLanes);
    } else {
      for (int64_t k = 0; k < depth; ++k) widened[k] = widen_one(column[k]);
    }
    hn::Store(consecutive(widened, 2 * kFloatLanes, set(1.0f)), Pairs(), block + j * kFloatLanes);
  }
  HWY_ALIGN uint32_t turned[kFloatLanes * kTileColumns];
  for (int64_t pair = 0; pair < kFloatLanes; pair += 4)
    store_transposed(block + pair, kFloatLanes, turned + pair * kTileColumns);
  for (int64_t pair = 0; pair < count_of(depth); ++pair)
    memcpy(panel + pair * kTileColumns, turned + pair * kTileColumns, kFloatLanes * sizeof(uint32_t));
}

// As pack_b_columns of matrix_tiles-inl.h.
template <class T>
HWY_INLINE void pack_b_columns(const T* b, int64_t stride, int64_t columns, int64_t depth, uint32_t* panel,
                               int64_t prefetched = 0) {
  if (columns < kTileColumns) {
    for (int64_t k = 0; k < depth; k += 2) {
      for (int64_t j = 0; j < kTileColumns; ++j) {
        const T* at = b + j * stride + k;
        panel[k / 2 * kTileColumns + j] = j < columns ? one_pair(at, k + 1 < depth ? at + 1 : nullptr) : 0;
      }
    }
    return;
  }
  int64_t k = 0;
  if constexpr (std::is_same_v<T, Bfloat16Bits>) {
    for (; k + 8 <= depth; k += 8) {
      prefetch_columns(b, stride, k, prefetched);
      for (int64_t j = 0; j < kTileColumns; j += kFloatLanes)
        store_transposed(reinterpret_cast<const uint16_t*>(b + j * stride + k), stride,
                         panel + k / 2 * kTileColumns + j);
    }
  }
  for (; k < depth; k += 2 * kFloatLanes) {
    prefetch_columns(b, stride, k, prefetched);
    for (int64_t j = 0; j < kTileColumns; j += kFloatLanes)
      pack_b_columns_rounded(b + j * stride + k, stride, HWY_MIN(depth - k, 2 * kFloatLanes),
                             panel + k / 2 * kTileColumns + j);
  }
}

// sum += pair k of an A panel times row k of a B panel; `a` and `b` point at them.
template <int64_t Rows>
HWY_INLINE void multiply_add(const uint32_t* HWY_RESTRICT a, int64_t a_depth, const uint32_t* HWY_RESTRICT b,
                             FloatVec (&sum)[Rows][kTileVectors]) {
  __m512i right[kTileVectors];
#pragma GCC unroll 4
  for (int64_t v = 0; v < kTileVectors; ++v) right[v] = _mm512_loadu_si512(b + v * kFloatLanes);
#pragma GCC unroll 16
  for (int64_t i = 0; i < Rows; ++i) {
    const __m512i left = _mm512_set1_epi32(static_cast<int>(a[i / 4 * 4 * a_depth + i % 4]));
#pragma GCC unroll 4
    for (int64_t v = 0; v < kTileVectors; ++v)
      sum[i][v].raw = _mm512_dpbf16_ps(sum[i][v].raw, (__m512bh)left, (__m512bh)right[v]);
  }
}

// A B over `pairs` pairs into out[Rows, kTileColumns].
template <int64_t Rows>
HWY_NOINLINE void full_tile(int64_t pairs, const uint32_t* HWY_RESTRICT a, int64_t a_depth,
                            const uint32_t* HWY_RESTRICT b, const TileOutput& out) {
  const Floats d;
  FloatVec sum[Rows][kTileVectors];
#pragma GCC unroll 16
  for (int64_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kTileVectors; ++v) sum[i][v] = zero();
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < pairs; ++k) multiply_add<Rows>(a + 4 * k, a_depth, b + k * kTileColumns, sum);
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
}

// As tile() of matrix_tiles-inl.h.
HWY_INLINE void tile(int64_t pairs, const uint32_t* a, int64_t a_depth, const uint32_t* b, const TileOutput& out,
                     int64_t rows, int64_t columns) {
  if (rows >= kTileRows && columns >= kTileColumns) {
    full_tile<kTileRows>(pairs, a, a_depth, b, out);
    return;
  }
  TileEdge edge(out, rows, columns);
  if (rows == 1) full_tile<1>(pairs, a, a_depth, b, edge.inner());
  else if (rows == 2) full_tile<2>(pairs, a, a_depth, b, edge.inner());
  else if (rows <= 4) full_tile<4>(pairs, a, a_depth, b, edge.inner());
  else if (rows <= 8) full_tile<8>(pairs, a, a_depth, b, edge.inner());
  else full_tile<kTileRows>(pairs, a, a_depth, b, edge.inner());
  edge.store();
}

}  // namespace cheems::cpu::HWY_NAMESPACE::pairs

namespace cheems::cpu::HWY_NAMESPACE {

// As FloatPanels, for float32 matrices; panels are memory of 4-byte numbers. Nothing here is inlined: the caller is
// compiled without the instruction.
struct PairPanels {
  static constexpr int64_t kTermsPerUnit = 2;
  static constexpr bool kExactFunctions = false;
  static constexpr int64_t units(int64_t depth) { return pairs::count_of(depth); }
  static HWY_NOINLINE void pack_a_rows(const float* a, int64_t stride, int64_t rows, int64_t depth, float scale,
                                       float* panel, int64_t panel_depth) {
    pairs::pack_a_rows(a, stride, rows, depth, scale, numbers(panel), panel_depth);
  }
  static HWY_NOINLINE void pack_a_columns(const float* a, int64_t stride, int64_t rows, int64_t depth, float* panels,
                                          int64_t panel_depth) {
    pairs::pack_a_columns(a, stride, rows, depth, numbers(panels), panel_depth);
  }
  static HWY_NOINLINE void pack_b_rows(const float* b, int64_t stride, int64_t columns, int64_t depth, float* panel) {
    pairs::pack_b_rows(b, stride, columns, depth, numbers(panel));
  }
  static HWY_NOINLINE void pack_b_columns(const float* b, int64_t stride, int64_t columns, int64_t depth,
                                          float* panel) {
    pairs::pack_b_columns(b, stride, columns, depth, numbers(panel));
  }
  // A tile has one chain: a zero before its first term changes nothing, so `first_chain` is not needed.
  static HWY_NOINLINE void tile(int64_t depth, const float* a, int64_t a_depth, const float* b, const TileOutput& out,
                                int64_t rows, int64_t columns, int64_t first_chain) {
    (void)first_chain;
    pairs::tile(units(depth), reinterpret_cast<const uint32_t*>(a), a_depth, reinterpret_cast<const uint32_t*>(b), out,
                rows, columns);
  }

 private:
  static uint32_t* numbers(float* panel) { return reinterpret_cast<uint32_t*>(panel); }
};

}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
HWY_AFTER_NAMESPACE();
#endif
#endif
