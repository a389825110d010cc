#include "core/comparison.h"

#include <cmath>

#include "core/error.h"

namespace cheems {

void check_comparisons(std::span<const Comparison> comparisons, int64_t samples) {
  for (size_t p = 0; p < comparisons.size(); ++p) {
    const Comparison& c = comparisons[p];
    for (const int32_t sample : {c.a, c.b}) {
      if (sample < 0 || sample >= samples)
        fail("Pair ", p, " names sample ", sample, " of a batch of ", samples, " samples.");
    }
    if (c.a == c.b) fail("Pair ", p, " compares sample ", c.a, " with itself.");
    if (!(c.target >= 0 && c.target <= 1)) {
      fail("Pair ", p, " has the target ", c.target, "; it must be a probability, from 0 to 1.");
    }
    if (!(c.weight >= 0) || !std::isfinite(c.weight)) {
      fail("Pair ", p, " has the weight ", c.weight, "; it must be a finite number that is not negative.");
    }
    if (!std::isfinite(c.margin)) fail("Pair ", p, " has the margin ", c.margin, "; it must be a finite number.");
  }
}

}  // namespace cheems
