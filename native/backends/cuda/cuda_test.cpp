// The CUDA backend itself: memory, copies in the order of the operations, spans.
#include <cstring>
#include <numeric>
#include <thread>
#include <utility>

#include "backends/cuda/cuda_backend.h"
#include "core/error.h"
#include "testing/operation_check.h"
#include "testing/trees.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/linear/linear.h"
#include "ops/rows/rows.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#endif

namespace cheems {
namespace {

using namespace testing;

std::string sentence_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<float> downloaded(Backend& backend, const void* from, int64_t count) {
  std::vector<float> numbers(static_cast<size_t>(count));
  backend.download(numbers.data(), from, count * 4);
  return numbers;
}

Tensor matrix(const Buffer& buffer, int64_t rows, int64_t columns) {
  return float_tensor(static_cast<float*>(buffer.data()), rows, columns);
}

TEST_CASE("cuda backend: what it says of itself") {
  Backend& backend = device_backend();
  CHECK(backend.name() == "cuda:0");
  CHECK(backend.description().find("compute capability") != std::string::npos);
  CHECK(backend.computes_in(DType::float32));
  CHECK(backend.computes_in(DType::bfloat16));
  CHECK_FALSE(backend.computes_in(DType::float16));
  CHECK(backend.default_precision() == DType::bfloat16);
  CHECK_FALSE(backend.widens_weights());
  CHECK(backend.available_memory() > 0);
}

TEST_CASE("cuda backend: memory begins as zeros, also where other numbers stood before") {
  Backend& backend = device_backend();
  for (const int64_t bytes : {0, 1, 4096, 1000003}) {
    for (int round = 0; round < 2; ++round) {
      const auto buffer = backend.allocate(bytes, "a test");
      CHECK(buffer->size() == std::max<int64_t>(bytes, 1));
      std::vector<char> found(static_cast<size_t>(bytes), 1), written(static_cast<size_t>(bytes), 7);
      backend.download(found.data(), buffer->data(), bytes);
      CHECK(std::count(found.begin(), found.end(), 0) == bytes);
      backend.upload(buffer->data(), written.data(), bytes);
    }
  }
}

TEST_CASE("cuda backend: memory that is not to be had is refused with its size, its purpose and what to do") {
  const std::string said = sentence_of([] { device_backend().allocate(int64_t{1} << 50, "the activations"); });
  for (const char* part :
       {"Out of GPU memory", "1073741824 MiB", "the activations", "cuda:0", "MiB are free", "`microBatchTokens`"}) {
    CAPTURE(said);
    CAPTURE(part);
    CHECK(said.find(part) != std::string::npos);
  }
  CHECK(device_backend().allocate(64, "after it")->size() == 64);
}

TEST_CASE("cuda backend: copies larger than all staging buffers, whose host memory is used again at once") {
  Backend& backend = device_backend();
  const int64_t count = (int64_t{37} << 20) / 4 + 3;  // nine staging buffers and a bit
  std::vector<float> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const auto expected = numbers;
  const auto buffer = backend.allocate(count * 4, "a test");
  backend.upload(buffer->data(), numbers.data(), count * 4);
  std::fill(numbers.begin(), numbers.end(), -1.0f);
  CHECK(downloaded(backend, buffer->data(), count) == expected);
}

TEST_CASE("cuda backend: uploads, zeroing, operations and downloads keep their order") {
  Backend& backend = device_backend();
  Site site(backend, {.widest_row = 4, .rows = 8}, {}, {});
  const auto from = backend.allocate(8 * 4 * 4, "a test"), to = backend.allocate(4 * 4, "a test");
  std::vector<std::vector<float>> later;
  later.reserve(100);
  std::vector<float> numbers(32);
  for (int round = 0; round < 100; ++round) {
    std::fill(numbers.begin(), numbers.end(), static_cast<float>(round));
    backend.upload(from->data(), numbers.data(), 128);
    const std::vector<int32_t> rows{round % 8};  // a span of its own each time, gone at the end of the round
    site->gather_rows({.y = matrix(*to, 1, 4), .x = matrix(*from, 8, 4), .rows = rows});
    later.emplace_back(4, -1.0f);
    backend.download_later(later.back().data(), to->data(), 16);
    backend.zero(to->data(), 16);
  }
  backend.finish();
  for (int round = 0; round < 100; ++round)
    CHECK(later[static_cast<size_t>(round)] == std::vector<float>(4, static_cast<float>(round)));
  CHECK(downloaded(backend, to->data(), 4) == std::vector<float>(4, 0.0f));
}

#ifdef CHEEMS_CUDA_ON_CPU
TEST_CASE(
    "cuda backend: one download is waited for without those behind it, and what has arrived is told without waiting") {
  Backend& backend = device_backend();
  const auto buffer = backend.allocate(4, "a test");
  backend.finish();
  cuda_on_cpu::set_streams_deferred(true);
  std::vector<float> found(3, -1.0f);
  std::vector<int64_t> downloads;
  for (int i = 0; i < 3; ++i) {
    const auto value = static_cast<float>(i);
    backend.upload(buffer->data(), &value, 4);
    downloads.push_back(backend.download_later(&found[static_cast<size_t>(i)], buffer->data(), 4));
  }
  CHECK_FALSE(backend.arrived(downloads[2]));
  const auto before = cuda_on_cpu::host_waits();
  backend.wait_for(downloads[1]);
  CHECK(cuda_on_cpu::host_waits().waits == before.waits + 1);
  CHECK(cuda_on_cpu::host_waits().drains == before.drains);
  CHECK(found == std::vector<float>{0, 1, -1});
  CHECK(backend.arrived(downloads[0]));
  CHECK(backend.arrived(downloads[1]));
  while (!backend.arrived(downloads[2])) CHECK(found[2] == -1.0f);  // each question brings the emulated stream on
  CHECK(found == std::vector<float>{0, 1, 2});
  cuda_on_cpu::set_streams_deferred(false);
}
#endif

TEST_CASE("cuda backend: spans of the batch's tree, of parts of it and of memory that was used again") {
  Backend& backend = device_backend();
  Site site(backend, {.widest_row = 1, .rows = 512}, {}, {});
  std::vector<float> numbers(512);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const Tensor x = site.floats(512, 1, numbers, 0);
  const auto gathered = [&](std::span<const int32_t> rows) {
    const Tensor y = site.floats(static_cast<int64_t>(rows.size()), 1, {}, 0);
    site->gather_rows({.y = y, .x = x, .rows = rows});
    const Values found = site.values(y);
    return std::vector<int32_t>(found.numbers.begin(), found.numbers.end());
  };
  const OwnedSamples samples = deep_samples();
  PackedTree tree = pack_tree(samples.view(), all_samples(samples), true);
  site.begin(tree);
  CHECK(gathered(tree.reward_rows) == tree.reward_rows);
  CHECK(gathered(tree.positions) == tree.positions);
  const std::span<const int32_t> part = std::span<const int32_t>(tree.reward_rows).subspan(1, 3);
  CHECK(gathered(part) == std::vector<int32_t>(part.begin(), part.end()));
  // Other numbers where the tree's were: they are not taken for the tree's.
  tree.reward_rows[1] += 1;
  CHECK(gathered(tree.reward_rows) == tree.reward_rows);
  for (int round = 0; round < 40; ++round) {  // more staged spans than the ring has slots
    std::vector<int32_t> rows(300);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>((i * 7 + static_cast<size_t>(round)) % 512);
    CHECK(gathered(rows) == rows);
  }
}

TEST_CASE("cuda backend: a tree larger than the memory kept for it, and a span larger than all before") {
  Backend& backend = device_backend();
  const int64_t rows = 100000;
  Site site(backend, {.widest_row = 1, .rows = rows}, {}, {});
  PackedTree tree;
  for (int32_t i = 0; i < rows; ++i) {
    tree.tokens.push_back(i % 977);
    tree.positions.push_back(i % 50);
    tree.token_order.push_back(static_cast<int32_t>(rows) - 1 - i);
    if (i % 50 == 0) tree.segments.push_back({i, 50, -1, 0, i / 50}), tree.tree_begins.push_back(i / 50);
  }
  site.begin(tree);
  std::vector<float> numbers(static_cast<size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const Tensor x = site.floats(rows, 1, numbers, 0), y = site.floats(rows, 1, {}, 0);
  const std::vector<int32_t> own(tree.token_order.rbegin(), tree.token_order.rend());
  for (const std::vector<int32_t>* order : {&std::as_const(tree).token_order, &own}) {
    site->gather_rows({.y = y, .x = x, .rows = *order});
    const Values found = site.values(y);
    CHECK(std::equal(order->begin(), order->end(), found.numbers.begin(), found.numbers.end()));
  }
}

TEST_CASE("cuda backend: a workspace that is too small is refused, not overrun") {
  Site site(device_backend(), {.widest_row = 64, .rows = 4, .backward = true}, {}, {});
  const Tensor dy = site.floats(300, 64, random_floats(300 * 64, 1)),
               x = site.floats(300, 8, random_floats(300 * 8, 2)),
               d_weight = site.floats(64, 8, random_floats(64 * 8, 3), 0), d_bias = site.vector(random_floats(64, 4));
  Operations* operations = site.operator->();
  operations->set_workspace(nullptr, 0);
  const std::string said = sentence_of(
      [&] { operations->linear_backward_weight({.d_weight = d_weight, .d_bias = d_bias, .dy = dy, .x = x}); });
  CAPTURE(said);
  CHECK(said.find("linear_backward_weight needs 768 bytes of workspace and was given 0") != std::string::npos);
}

TEST_CASE("cuda backend: another thread may use it, and free its memory") {
  Backend& backend = device_backend();
  std::vector<float> found;
  std::thread([&] {
    const auto buffer = backend.allocate(16, "a test");
    const float numbers[4] = {1, 2, 3, 4};
    backend.upload(buffer->data(), numbers, 16);
    found = downloaded(backend, buffer->data(), 4);
  }).join();
  CHECK(found == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("cuda backend: a device that is not there is refused") {
  const std::string said = sentence_of([] { create_cuda_backend(4711); });
  CAPTURE(said);
  CHECK(said.find("There is no device cuda:4711") != std::string::npos);
}

}  // namespace
}  // namespace cheems
