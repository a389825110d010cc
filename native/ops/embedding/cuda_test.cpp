#include <numeric>

#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "ops/embedding/embedding.h"
#include "testing/cuda_on_cpu/traffic.h"
#endif

namespace cheems {
namespace {

using namespace testing;

// Tokens, and their rows by token as the packed tree sorts them, but for one that may be left out.
struct Tokens {
  std::vector<int32_t> ids, order, runs;
  explicit Tokens(std::vector<int32_t> tokens, int32_t left_out = -1) : ids(std::move(tokens)), order(ids.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::erase_if(order, [&](int32_t row) { return id_of(row) == left_out; });
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return id_of(a) < id_of(b); });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || id_of(order[i]) != id_of(order[i - 1])) runs.push_back(static_cast<int32_t>(i));
    }
    runs.push_back(static_cast<int32_t>(order.size()));
  }
  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
  bool has(int64_t id) const {
    return std::any_of(order.begin(), order.end(), [&](int32_t row) { return id_of(row) == id; });
  }

 private:
  int32_t id_of(int32_t row) const { return ids[static_cast<size_t>(row)]; }
};

std::vector<int32_t> random_ids(int64_t count, int64_t vocab) {
  RandomStream random(7, 1);
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (auto& id : ids) id = static_cast<int32_t>(random.next() % static_cast<uint64_t>(vocab));
  return ids;
}

void check_embedding(const Tokens& tokens, int64_t vocab, int64_t columns, float scale) {
  const int64_t rows = tokens.rows();
  CAPTURE(rows);
  CAPTURE(vocab);
  CAPTURE(columns);
  const auto table = random_floats(vocab * columns, 1), dy = random_floats(rows * columns, 2),
             before = random_floats(vocab * columns, 3);
  const WorkspaceRequest request{.widest_row = columns, .rows = rows, .backward = true};
  check_operation(
      request,
      [&](Site& site) -> OutputList {
        const Tensor y = site.activations(rows, columns), d_table = site.gradient(vocab, columns, before, 5);
        const Values as_put = site.values(d_table);
        site->embedding_forward(
            {.y = y, .table = site.weights(vocab, columns, table, 1), .tokens = tokens.ids, .scale = scale});
        site->embedding_backward({.d_table = d_table,
                                  .dy = site.activations(rows, columns, dy),
                                  .tokens = tokens.ids,
                                  .token_order = tokens.order,
                                  .token_runs = tokens.runs,
                                  .scale = scale});
        const Values after = site.values(d_table);
        for (int64_t id = 0; id < vocab; ++id) {  // ids that do not occur keep their bits
          if (tokens.has(id)) continue;
          for (auto i = static_cast<size_t>(id * columns); i < static_cast<size_t>((id + 1) * columns); ++i)
            CHECK(after.numbers[i] == as_put.numbers[i]);
        }
        return {{"y", site.values(y), kOutputs}, {"d_table", after, kGradients}};
      },
      {.bfloat16_gradients = true});
}

TEST_CASE("embedding on the device: ragged and whole vectors, several chunks of columns, ids that do not occur") {
  check_embedding(Tokens({0}), 1, 1, 1);
  check_embedding(Tokens(random_ids(7, 3)), 3, 5, 1);
  check_embedding(Tokens(random_ids(61, 200)), 200, 33, 5.656854f);
  check_embedding(Tokens(random_ids(30, 11)), 11, 64, 1);
  check_embedding(Tokens(random_ids(9, 4)), 4, 1032, 2);  // more than one chunk in every dtype
}

TEST_CASE("embedding on the device: tokens that occur hundreds of times are summed in pieces") {
  std::vector<int32_t> ids = random_ids(700, 3);  // about 233 times each, two pieces
  ids.insert(ids.end(), 128, 5);                  // as many as one piece holds
  ids.insert(ids.end(), 129, 4);                  // one more
  check_embedding(Tokens(ids), 7, 8, 0.5f);
}

TEST_CASE("embedding on the device: more frequent tokens than one launch takes") {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 66 * 130; ++i) ids.push_back(i * 7 % 66);
  check_embedding(Tokens(ids), 66, 1, 1);
}

TEST_CASE("embedding on the device: a token that is left out gets nothing, however often it stands there") {
  std::vector<int32_t> ids = random_ids(90, 9);
  ids.insert(ids.end(), 300, 4);
  for (const int32_t left_out : {0, 4, 8}) check_embedding(Tokens(ids, left_out), 9, 12, 1);
}

TEST_CASE("embedding on the device: nothing to do") {
  Site site(device_backend(), {.backward = true}, {}, {});
  const Tensor table = site.weights(3, 4, random_floats(12, 1)), none = site.activations(0, 4);
  const Values before = site.values(table);
  const std::vector<int32_t> runs{0};
  site->embedding_forward({.y = none, .table = table, .tokens = {}});
  site->embedding_backward({.d_table = table, .dy = none, .tokens = {}, .token_order = {}, .token_runs = runs});
  CHECK(same_bits(site.values(table), before));
  CHECK(site.guards_hold());
}

#if defined(CHEEMS_CUDA_ON_CPU) && !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer's build counts no accesses

// What is beside the floor: an index a row and warp, and four more (the run's ends, its token) a run and warp, in
// sectors.
TEST_CASE("embedding on the device stays within 5 % of its floor in bytes moved") {
  const auto traffic_of = [](DType dtype, int64_t rows, int64_t vocab, auto check) {
    constexpr int64_t kColumns = 512;
    const Tokens tokens(random_ids(rows, vocab));
    const auto distinct = static_cast<int64_t>(tokens.runs.size()) - 1, element = static_cast<int64_t>(size_of(dtype));
    const WorkspaceRequest request{.widest_row = kColumns, .rows = rows, .backward = true};
    Site site(device_backend(), request, {dtype, DType::float32}, {dtype, DType::float32}, Placement::aligned);
    const Tensor y = site.activations(rows, kColumns),
                 table = site.weights(vocab, kColumns, random_floats(vocab * kColumns, 1));
    const Tensor d_table = site.gradient(vocab, kColumns, random_floats(vocab * kColumns, 2));
    const cuda_on_cpu::TrafficScope traffic;
    site->embedding_forward({.y = y, .table = table, .tokens = tokens.ids});
    site->embedding_backward(
        {.d_table = d_table, .dy = y, .tokens = tokens.ids, .token_order = tokens.order, .token_runs = tokens.runs});
    int64_t backward = 0;
    for (const auto& [kernel, moved] : traffic.all())
      backward += kernel == "embedding_forward" ? 0 : moved.sector_bytes();
    check(static_cast<double>(traffic.of("embedding_forward").sector_bytes()) /
              static_cast<double>(2 * rows * kColumns * element),
          static_cast<double>(backward) / static_cast<double>(rows * kColumns * element + 8 * distinct * kColumns));
  };
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    CAPTURE(std::string(name(dtype)));
    traffic_of(dtype, 400, 10, [](double forward, double backward) {
      CHECK(forward <= 1.05);
      CHECK(backward <= 1.05);
    });
    traffic_of(dtype, 1000, 2, [](double, double in_pieces) { CHECK(in_pieces <= 1.05); });
    traffic_of(dtype, 400, 4000, [](double, double almost_all_once) { CHECK(almost_all_once <= 1.15); });
  }
}

#endif

}  // namespace
}  // namespace cheems
