#include "ops/disentangled_attention/disentangled_attention.h"
#include "testing/operation_check.h"
#include "testing/relative_case.h"

namespace cheems {
namespace {

using namespace testing;

void check_attention(const RelativeCase& c, CheckOptions options = {}) {
  CAPTURE(c.head_size);
  CAPTURE(c.side);
  CAPTURE(c.rows());
  CAPTURE(c.first_tokens_only);
  const PackedTree tree = c.tree();
  const std::vector<int32_t> table = c.buckets();
  const WorkspaceRequest request{
      .longest_path = tree.longest_path, .head_size = c.head_size, .relative_buckets = 2 * c.side};
  check_operation(
      request,
      [&](Site& site) -> OutputList {
        const Tensor q = site.activations(c.queries(), c.columns(), c.numbers(c.queries(), 1)),
                     k = site.activations(c.rows(), c.columns(), c.numbers(c.rows(), 2), 7);
        const Tensor v = site.activations(c.rows(), c.columns(), c.numbers(c.rows(), 3)),
                     context = site.activations(c.queries(), c.columns());
        const Tensor rel_q = site.activations(2 * c.side, c.columns(), c.numbers(2 * c.side, 4)),
                     rel_k = site.activations(2 * c.side, c.columns(), c.numbers(2 * c.side, 5), 1);
        const auto buffer = site.backend().allocate(static_cast<int64_t>(table.size() * sizeof(int32_t)), "buckets");
        site.backend().upload(buffer->data(), table.data(), buffer->size());
        site.begin(tree);
        site->disentangled_attention_forward({.context = context,
                                              .q = q,
                                              .k = k,
                                              .v = v,
                                              .rel_q = rel_q,
                                              .rel_k = rel_k,
                                              .buckets = static_cast<const int32_t*>(buffer->data()),
                                              .reach = c.reach(),
                                              .tree = &tree,
                                              .first_tokens_only = c.first_tokens_only,
                                              .num_heads = c.num_heads,
                                              .head_size = c.head_size,
                                              .scale = c.scale()});
        return {{"context", site.values(context), kOutputs}};
      },
      options);
}

TEST_CASE(
    "disentangled attention on the device: samples around the edges of its tiles, of all tokens and of first tokens "
    "alone") {
  for (RelativeCase c : {RelativeCase{{1}, 1, 1, 1},
                         {{1, 2, 3}, 2, 8, 4},
                         {{15, 33, 16, 17}, 2, 5, 16},
                         {{65, 7, 32}, 2, 16, 8},
                         {{70, 31}, 1, 33, 24},
                         {{49}, 1, 64, 32},
                         {{34}, 1, 96, 8}}) {
    check_attention(c);
    c.first_tokens_only = true;
    check_attention(c);
  }
}

TEST_CASE("disentangled attention on the device: scores far past exp's range") {
  check_attention({{40, 33}, 2, 16, 8, false, 300}, {.bfloat16 = false, .cpu = false});
}

TEST_CASE("disentangled attention on the device: a sample's bits do not depend on the samples beside it") {
  const RelativeCase all{{20, 43, 5}, 1, 16, 8}, alone{{43}, 1, 16, 8};
  const auto context_of = [&](const RelativeCase& c, int64_t first) {
    Site site(device_backend(), {}, {}, {}, Placement::aligned);
    const PackedTree tree = c.tree();
    const std::vector<int32_t> table = c.buckets();
    const auto part = [&](uint64_t seed) {
      const auto numbers = all.numbers(all.rows(), seed);
      return site.activations(c.rows(), 16, {numbers.begin() + first * 16, numbers.begin() + (first + c.rows()) * 16});
    };
    const Tensor context = site.activations(c.rows(), 16);
    const auto buffer = site.backend().allocate(static_cast<int64_t>(table.size() * sizeof(int32_t)), "buckets");
    site.backend().upload(buffer->data(), table.data(), buffer->size());
    site.begin(tree);
    site->disentangled_attention_forward({.context = context,
                                          .q = part(1),
                                          .k = part(2),
                                          .v = part(3),
                                          .rel_q = site.activations(16, 16, c.numbers(16, 4)),
                                          .rel_k = site.activations(16, 16, c.numbers(16, 5)),
                                          .buckets = static_cast<const int32_t*>(buffer->data()),
                                          .reach = c.reach(),
                                          .tree = &tree,
                                          .first_tokens_only = false,
                                          .num_heads = 1,
                                          .head_size = 16,
                                          .scale = c.scale()});
    return site.values(context).numbers;
  };
  const auto together = context_of(all, 0), single = context_of(alone, 20);
  CHECK(std::equal(single.begin(), single.end(), together.begin() + 20 * 16));
}

}  // namespace
}  // namespace cheems
