// DeBERTa's log buckets of relative positions: one bucket per position nearby, wider and wider buckets farther away.
#pragma once

#include <cstdint>
#include <vector>

namespace cheems::model {

// The bucket b(r) of a relative position, mirrored for negative ones, with S position buckets and M the largest
// position:
//   b(r) = r for r <= S / 2, else S / 2 + ceil(ln(r / (S / 2)) / ln((M - 1) / (S / 2)) * (S / 2 - 1))
// which exceeds S for r > M.
// In float32, as transformers computes it (make_log_bucket_position): at the edges of buckets the rounding decides.
int64_t relative_bucket(int64_t relative, int64_t position_buckets, int64_t max_relative_positions);

// As ops/disentangled_attention takes them, for samples of up to `reach` tokens: [2 * reach - 1]; entry j - i + reach -
// 1 is the row clamp(b(i - j) + S, 0, 2 S - 1) of the relative position embeddings.
std::vector<int32_t> relative_rows(int64_t position_buckets, int64_t max_relative_positions, int64_t reach);

}  // namespace cheems::model
