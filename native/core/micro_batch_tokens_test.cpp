#include "core/micro_batch_tokens.h"

#include <doctest/doctest.h>

namespace cheems {
namespace {

// A model of 1,000,000 bytes whose activations are 100 bytes per token.
int64_t bytes(int64_t tokens) { return 1000000 + 100 * tokens; }

int64_t choose(const MicroBatchBounds& bounds) { return choose_micro_batch_tokens(bounds, bytes); }

TEST_CASE("micro-batch tokens: the largest multiple of 1024 that memory takes, up to what is of use") {
  CHECK(choose({.usual = 4096, .useful = 32768, .most = 0, .memory = bytes(1 << 30)}) == 32768);
  for (int64_t steps = 1; steps <= 32; ++steps) {
    CHECK(choose({.usual = 4096, .useful = 32768, .most = 0, .memory = bytes(1024 * steps)}) == 1024 * steps);
    CHECK(choose({.usual = 4096, .useful = 32768, .most = 0, .memory = bytes(1024 * steps + 1023)}) == 1024 * steps);
    CHECK(choose({.usual = 4096, .useful = 32768, .most = 1024 * steps - 7, .memory = bytes(1 << 30)}) == 1024 * steps);
  }
}

TEST_CASE(
    "micro-batch tokens: the usual number where more is of no use or memory is not known; 1024 where nothing fits") {
  CHECK(choose({.usual = 4096, .useful = 0, .most = 0, .memory = bytes(1 << 30)}) == 4096);
  CHECK(choose({.usual = 8192, .useful = 32768, .most = 0, .memory = -1}) == 8192);
  CHECK(choose({.usual = 4096, .useful = 32768, .most = 0, .memory = 5}) == 1024);
  CHECK(choose({.usual = 4096, .useful = 32768, .most = 3, .memory = bytes(1 << 30)}) == 1024);
}

}  // namespace
}  // namespace cheems
