#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/gelu/gelu.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("gelu on the device: every width, beside and in place, and nothing to do") {
  for (const double scale : {0.1, 3.0}) {
    for (const auto& [rows, columns] :
         {std::pair<int64_t, int64_t>{0, 8}, {1, 1}, {3, 5}, {5, 512}, {2, 1032}, {70, 40}}) {
      CAPTURE(scale);
      CAPTURE(columns);
      const auto x = random_floats(rows * columns, 1, scale);
      check_operation({}, [&, rows = rows, columns = columns](Site& site) -> OutputList {
        const Tensor y = site.activations(rows, columns), in_place = site.activations(rows, columns, x);
        site->gelu_forward({.y = y, .x = site.activations(rows, columns, x)});
        site->gelu_forward({.y = in_place, .x = in_place});
        CHECK(same_bits(site.values(in_place), site.values(y)));
        return {{"y", site.values(y), kOutputs}};
      });
    }
  }
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

TEST_CASE("gelu on the device moves its floor") {
  constexpr int64_t kRows = 32, kColumns = 4096;
  Site site(device_backend(), {}, {DType::bfloat16, DType::float32}, {DType::bfloat16, DType::float32},
            Placement::aligned);
  const Tensor x = site.activations(kRows, kColumns, random_floats(kRows * kColumns, 1));
  const cuda_on_cpu::TrafficScope traffic;
  site->gelu_forward({.y = x, .x = x});
  CHECK(traffic.of("gelu_forward").sector_bytes() == 4 * kRows * kColumns);
}

#endif

}  // namespace
}  // namespace cheems
