// The check of device operations (operation_check.h) against devices with a planted bug: each must be caught.
#include "ops/rmsnorm/rmsnorm.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

constexpr int64_t kRows = 5, kColumns = 16;

// A device of its own, so that a test can corrupt its results without affecting others.
Backend& device() {
  static const std::unique_ptr<Backend> backend = create_plain_backend<float>();
  return *backend;
}

int runs_on_device = 0;

// Computes a norm on every backend; on the device, `spoil(site, y)` then does what a wrong kernel would have done.
template <class Spoil>
void check_norm_with(Spoil spoil) {
  runs_on_device = 0;
  check_operation_on(device(), {.widest_row = kColumns, .rows = kRows}, [&](Site& site) -> OutputList {
    const Tensor x = site.activations(kRows, kColumns, random_floats(kRows * kColumns, 1)),
                 weight = site.vector(random_floats(kColumns, 2));
    const Tensor y = site.activations(kRows, kColumns), r = site.vector(kRows);
    site->rmsnorm_forward({.y = y, .inverse_rms = r, .x = x, .weight = weight, .epsilon = 1e-6f});
    if (&site.backend() == &device()) ++runs_on_device, spoil(site, y);
    return {{"y", site.values(y), kOutputs}, {"inverse_rms", site.values(r), kOutputs}};
  });
}

// Replaces element `column` of row 2, which may be in the gap after the row, by change(element).
template <class Change>
void change_element(const Tensor& y, int64_t column, Change change) {
  char* at = static_cast<char*>(y.data) + (2 * y.stride + column) * static_cast<int64_t>(size_of(y.dtype));
  float value;
  widen(at, y.dtype, &value, 1);
  value = change(value);
  narrow(&value, y.dtype, at, 1);
}

TEST_CASE("operation check: a right device passes, in two precisions, two placements, twice each") {
  check_norm_with([](Site&, const Tensor&) {});
  CHECK(runs_on_device == 8);
}

TEST_CASE("operation check catches a cell written behind a row" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) { change_element(y, kColumns, [](float) { return 0.0f; }); });
}

TEST_CASE("operation check catches a cell left unwritten" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) { change_element(y, 3, [](float) { return NAN; }); });
}

TEST_CASE("operation check catches a bit that changes from run to run" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) {
    if (y.dtype == DType::float32)
      change_element(y, 3, [](float value) { return runs_on_device % 2 ? value : std::nextafter(value, 9.0f); });
  });
}

TEST_CASE("operation check catches a float32 result that was bfloat16 on the way" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) {
    if (y.dtype == DType::float32)
      change_element(y, 3, [](float value) { return bfloat16_to_float(float_to_bfloat16(value)); });
  });
}

TEST_CASE("operation check catches bfloat16 results a few roundings away" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) {
    if (y.dtype != DType::bfloat16) return;
    for (int64_t column = 0; column < kColumns; ++column)
      change_element(y, column, [](float value) { return value * (1 + 4 * 0x1p-8f); });
  });
}

TEST_CASE("operation check catches a bug of the unaligned path alone" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) {
    if (y.stride % 2 == 1) change_element(y, 3, [](float value) { return 2 * value; });
  });
}

TEST_CASE("operation check catches a bug of the aligned path alone" * doctest::should_fail()) {
  check_norm_with([](Site&, const Tensor& y) {
    if (y.stride % 2 == 0) change_element(y, 3, [](float value) { return 2 * value; });
  });
}

}  // namespace
}  // namespace cheems
