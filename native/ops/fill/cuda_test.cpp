#include <cuda_runtime.h>

#include <cmath>

#include "backends/cuda/errors.h"
#include "core/random.h"
#include "ops/fill/fill.h"
#include "ops/fill/normal.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

// `count` numbers on the device, `offset` elements behind an aligned address, between guard bytes.
class GuardedNumbers {
 public:
  GuardedNumbers(DType dtype, int64_t count, int64_t offset)
      : dtype_(dtype), count_(count), begin_((kMargin + offset) * static_cast<int64_t>(size_of(dtype))) {
    host_.assign(static_cast<size_t>(begin_ + bytes() + kMargin), kGuard);
    memory_ = device_backend().allocate(static_cast<int64_t>(host_.size()), "a test");
    device_backend().upload(memory_->data(), host_.data(), memory_->size());
    device_backend().finish();  // the kernels run on another stream
  }
  void* data() { return static_cast<char*>(memory_->data()) + begin_; }
  DType dtype() const { return dtype_; }
  void set(const std::vector<float>& values) {
    narrow(values.data(), dtype_, host_.data() + begin_, values.size());
    device_backend().upload(memory_->data(), host_.data(), memory_->size());
    device_backend().finish();  // the kernels run on another stream
  }
  std::vector<float> get() {
    cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");  // the kernels ran on the default stream
    device_backend().download(host_.data(), memory_->data(), memory_->size());
    for (int64_t i = 0; i < static_cast<int64_t>(host_.size()); ++i) {
      if (i < begin_ || i >= begin_ + bytes()) REQUIRE(host_[static_cast<size_t>(i)] == kGuard);
    }
    std::vector<float> values(static_cast<size_t>(count_));
    widen(host_.data() + begin_, dtype_, values.data(), values.size());
    return values;
  }

 private:
  static constexpr int64_t kMargin = 64;
  static constexpr char kGuard = 0x5a;
  int64_t bytes() const { return count_ * static_cast<int64_t>(size_of(dtype_)); }
  DType dtype_;
  int64_t count_, begin_;
  std::vector<char> host_;
  std::unique_ptr<Buffer> memory_;
};

constexpr DType kDTypes[] = {DType::float32, DType::bfloat16};

TEST_CASE("cuda cast: rounded to nearest even, every count and alignment, and nothing beside it") {
  cuda::Context context;
  for (const DType from : kDTypes) {
    for (const DType to : kDTypes) {
      for (const int64_t count : {0, 1, 3, 4, 1025, 5000}) {
        for (const int64_t offset : {0, 1}) {
          auto values = random_floats(count, 1);
          if (count > 3) values[1] = INFINITY, values[2] = 0x1.01p0f, values[3] = -1e-40f;
          GuardedNumbers source(from, count, offset), destination(to, count, 0);
          source.set(values);
          cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
          cuda::cast(destination.data(), to, source.data(), from, count, context);
          if (from == DType::bfloat16 || to == DType::bfloat16) {
            for (float& value : values) value = bfloat16_to_float(float_to_bfloat16(value));
          }
          CHECK(same_bits(destination.get(), values));
        }
      }
    }
  }
}

TEST_CASE("cuda fill_normal: the documented numbers, whatever the alignment, and others for another seed or stream") {
  cuda::Context context;
  constexpr int64_t kCount = 4099;
  for (const DType dtype : kDTypes) {
    for (const int64_t offset : {0, 1}) {
      GuardedNumbers numbers(dtype, kCount, offset);
      cuda::fill_normal(numbers.data(), dtype, kCount, 0.02f, 3, 5, context);
      const auto found = numbers.get();
      int64_t wrong = 0;
      for (size_t i = 0; i < found.size(); ++i) {
        const float expected = 0.02f * normal_from_bits(random_bits(random_key(3, 5), i));
        // The host's logarithm may be a unit in the last place away from the device's.
        wrong +=
            !(std::abs(found[i] - expected) <= (dtype == DType::bfloat16 ? 0x1p-7f : 0x1p-20f) * std::abs(expected));
      }
      CHECK(wrong == 0);
    }
  }
  const auto first_with = [&](uint64_t seed, uint64_t stream) {
    GuardedNumbers numbers(DType::float32, 4, 0);
    cuda::fill_normal(numbers.data(), DType::float32, 4, 1, seed, stream, context);
    return numbers.get();
  };
  CHECK(same_bits(first_with(1, 1), first_with(1, 1)));
  CHECK_FALSE(same_bits(first_with(1, 1), first_with(2, 1)));
  CHECK_FALSE(same_bits(first_with(1, 1), first_with(1, 2)));
}

TEST_CASE("normal numbers by counter: the bits are RandomStream's, the moments a normal's, the tails no heavier") {
  RandomStream stream(8, 9);
  for (uint64_t i = 0; i < 100; ++i) REQUIRE(stream.next() == random_bits(random_key(8, 9), i));
  constexpr int64_t kCount = 1 << 18;
  double sum = 0, squares = 0, fourth = 0, worst = 0;
  int64_t beyond = 0;
  for (uint64_t i = 0; i < kCount; ++i) {
    const double x = static_cast<double>(normal_from_bits(random_bits(random_key(1, 0), i)));
    sum += x, squares += x * x, fourth += x * x * x * x, beyond += std::abs(x) > 1.959964,
        worst = std::max(worst, std::abs(x));
  }
  // Five deviations each: 1, sqrt(2), sqrt(96) and sqrt(0.05 * 0.95) over sqrt(n).
  CHECK(std::abs(sum / kCount) <= 5 / 512.0);
  CHECK(std::abs(squares / kCount - 1) <= 5 * 1.42 / 512);
  CHECK(std::abs(fourth / kCount - 3) <= 5 * 9.8 / 512);
  CHECK(std::abs(static_cast<double>(beyond) / kCount - 0.05) <= 5 * 0.218 / 512);
  CHECK(worst < 6.8);
  for (const uint64_t bits : {uint64_t{0}, ~uint64_t{0}, uint64_t{0xffffffff}, uint64_t{0xffffffff00000000}})
    CHECK(std::isfinite(normal_from_bits(bits)));
  for (int i = 0; i <= 1000; ++i) {
    const float turns = static_cast<float>(i) / 1000;
    CHECK(std::abs(static_cast<double>(cosine_of_turns(turns)) -
                   std::cos(2 * std::numbers::pi * static_cast<double>(turns))) <= 3e-7);
  }
}

}  // namespace
}  // namespace cheems
