// The operation in plain loops: the reference for every backend.
#include "ops/gelu/gelu.h"
#include "ops/gelu/plain.h"
#include "testing/plain/elements.h"
#include "testing/plain/operations.h"

namespace cheems::testing::plain {

template <class A>
void gelu_forward(const GeluForward& a) {
  for (int64_t n = 0; n < a.y.rows; ++n) {
    for (int64_t h = 0; h < a.y.columns; ++h) put<A>(a.y, n, h, gelu(get<A>(a.x, n, h)));
  }
}

CHEEMS_PLAIN(gelu_forward, GeluForward)

}  // namespace cheems::testing::plain
