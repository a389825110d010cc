#include "core/error.h"
#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/rope/rope.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

constexpr int64_t kPositions = 50;

std::vector<float> table(int64_t half, double (*function)(double)) {
  std::vector<float> values;
  for (int64_t position = 0; position < kPositions; ++position) {
    for (int64_t i = 0; i < half; ++i) {
      const double frequency = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      values.push_back(static_cast<float>(function(static_cast<double>(position) * frequency)));
    }
  }
  return values;
}

// Heads that are a column range of a wider matrix, as q and k are of qkv; forward and backward, beside and in place.
void check_rope(int64_t rows, int64_t heads, int64_t head_size, bool normed, float offset = 0,
                CheckOptions options = {}) {
  CAPTURE(rows);
  CAPTURE(heads);
  CAPTURE(head_size);
  CAPTURE(normed);
  const int64_t columns = heads * head_size, others = head_size;
  std::vector<int32_t> positions;
  for (int64_t n = 0; n < rows; ++n) positions.push_back(static_cast<int32_t>((n * 7 + 3) % kPositions));
  const auto cosines = table(head_size / 2, std::cos), sines = table(head_size / 2, std::sin);
  const auto x = random_floats(rows * (columns + others), 1, 2), dy = random_floats(rows * columns, 2);
  const auto weight = random_floats(head_size, 3), dw_before = random_floats(head_size, 4);
  check_operation(
      {.widest_row = columns, .rows = rows, .backward = true},
      [&](Site& site) -> OutputList {
        const Tensor qkv = site.activations(rows, columns + others, x), in = qkv.column_range(others, columns),
                     y = site.activations(rows, columns);
        const Tensor dx = site.activations(rows, columns, {}, 1), upstream = site.activations(rows, columns, dy, 5);
        const Tensor cosine = site.floats(kPositions, head_size / 2, cosines, 0),
                     sine = site.floats(kPositions, head_size / 2, sines, 0);
        const Tensor norm = normed ? site.vector(weight) : Tensor{}, dw = normed ? site.vector(dw_before) : Tensor{};
        const Tensor dw_in_place = normed ? site.vector(dw_before) : Tensor{};
        site->rope_forward({.y = y,
                            .x = in,
                            .head_size = head_size,
                            .positions = positions,
                            .cosine = cosine,
                            .sine = sine,
                            .norm_weight = norm,
                            .epsilon = 1e-6f,
                            .weight_offset = offset});
        RopeBackward backward{.dx = dx,
                              .d_norm_weight = dw,
                              .dy = upstream,
                              .x = in,
                              .head_size = head_size,
                              .positions = positions,
                              .cosine = cosine,
                              .sine = sine,
                              .norm_weight = norm,
                              .epsilon = 1e-6f,
                              .weight_offset = offset};
        site->rope_backward(backward);
        OutputList outputs{{"y", site.values(y), kOutputs}, {"dx", site.values(dx), kGradients}};
        if (normed) outputs.push_back({"d_norm_weight", site.values(dw), kGradients});
        backward.dx = upstream, backward.d_norm_weight = dw_in_place;
        site->rope_backward(backward);
        CHECK(same_bits(site.values(upstream), site.values(dx)));
        if (normed) {
          CHECK(same_bits(site.values(dw_in_place), site.values(dw)));
        } else {
          site->rope_forward({.y = in,
                              .x = in,
                              .head_size = head_size,
                              .positions = positions,
                              .cosine = cosine,
                              .sine = sine,
                              .norm_weight = {}});
          CHECK(same_bits(site.values(in), site.values(y)));
        }
        return outputs;
      },
      options);
}

TEST_CASE(
    "rope on the device: every head size's layout of lanes, with and without the heads' norm, beside and in place") {
  for (const bool normed : {false, true}) {
    check_rope(1, 1, 2, normed);
    check_rope(5, 3, 6, normed, 1);
    check_rope(33, 2, 34, normed);
    check_rope(9, 7, 64, normed);
    check_rope(6, 3, 80, normed);
    check_rope(6, 2, 96, normed, 1);
    check_rope(5, 5, 128, normed);
    check_rope(3, 2, 256, normed);
  }
}

// Counted for the eight multiprocessors of the CPU's execution; a GPU needs more rows for the same, as a model's batch
// has.
TEST_CASE(
    "rope on the device: rows enough that a block takes several heads, and several rows where d_norm_weight is "
    "summed") {
  for (const bool normed : {false, true}) check_rope(70, 5, 130, normed);  // 2 groups of heads, of 3 and 2
  check_rope(300, 1, 66, true);                                            // 19 blocks' rows for 16 blocks
  check_rope(1, 40, 8, true);                                              // more heads than blocks
}

TEST_CASE("rope on the device: head sizes that it does not take are refused in a sentence") {
  Site site(device_backend(), {}, {}, {});
  const std::vector<int32_t> positions{0};
  for (const int64_t head_size : {7, 258}) {
    const Tensor x = site.activations(1, head_size, random_floats(head_size, 1)),
                 angles = site.floats(1, head_size / 2, random_floats(head_size / 2, 2), 0);
    const RopeForward turn{.y = x,
                           .x = x,
                           .head_size = head_size,
                           .positions = positions,
                           .cosine = angles,
                           .sine = angles,
                           .norm_weight = {}};
    CHECK_THROWS_WITH_AS(site->rope_forward(turn), doctest::Contains("even head sizes up to 256"), Error);
  }
}

TEST_CASE("rope on the device: nothing to do") {
  Site site(device_backend(), {.backward = true}, {}, {});
  const Tensor none = site.activations(0, 8), angles = site.floats(1, 2, {1, 1}, 0), weight = site.vector({1, 2, 3, 4});
  site->rope_forward(
      {.y = none, .x = none, .head_size = 4, .positions = {}, .cosine = angles, .sine = angles, .norm_weight = {}});
  site->rope_backward({.dx = none,
                       .d_norm_weight = weight,
                       .dy = none,
                       .x = none,
                       .head_size = 4,
                       .positions = {},
                       .cosine = angles,
                       .sine = angles,
                       .norm_weight = weight});
  CHECK(site.values(weight).numbers == std::vector<double>{1, 2, 3, 4});
  CHECK(site.guards_hold());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

TEST_CASE(
    "rope on the device stays within 5 % of its floor in bytes moved, where a block takes all heads of its rows") {
  constexpr int64_t kRows = 256, kHeads = 16, kHeadSize = 128, kColumns = kHeads * kHeadSize,
                    kElements = kRows * kColumns;
  const std::vector<int32_t> positions(static_cast<size_t>(kRows), 17);
  Site site(device_backend(), {.rows = kRows, .backward = true}, {}, {}, Placement::aligned);
  const Tensor x = site.activations(kRows, kColumns, std::vector<float>(static_cast<size_t>(kElements), 1.0f)),
               y = site.activations(kRows, kColumns);
  const Tensor cosine = site.floats(kPositions, kHeadSize / 2, table(kHeadSize / 2, std::cos), 0);
  const Tensor sine = site.floats(kPositions, kHeadSize / 2, table(kHeadSize / 2, std::sin), 0);
  const Tensor weight = site.vector(random_floats(kHeadSize, 1)), dw = site.vector(random_floats(kHeadSize, 2));
  const cuda_on_cpu::TrafficScope traffic;
  site->rope_forward({.y = y,
                      .x = x,
                      .head_size = kHeadSize,
                      .positions = positions,
                      .cosine = cosine,
                      .sine = sine,
                      .norm_weight = {}});
  site->rope_backward({.dx = y,
                       .d_norm_weight = dw,
                       .dy = y,
                       .x = x,
                       .head_size = kHeadSize,
                       .positions = positions,
                       .cosine = cosine,
                       .sine = sine,
                       .norm_weight = weight,
                       .epsilon = 1e-6f});
  CHECK(traffic.of("rope_forward").sector_bytes() <= 8 * kElements * 105 / 100);
  CHECK(traffic.of("rope_norm_backward").sector_bytes() + traffic.of("rope_norm_backward_weight").sector_bytes() <=
        12 * kElements * 105 / 100);
  for (const auto& [kernel, moved] : traffic.all()) CHECK(moved.bank_conflicts == 0);
}

#endif

}  // namespace
}  // namespace cheems
